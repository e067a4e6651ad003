"""The two sync triggers and their one function.

From expand on, no write can leave the shapes apart.

One trigger for INSERT and UPDATE cannot be built, since its WHEN clause may not name OLD; a WHEN on
NEW alone would miss an application that writes both columns (experiment 1). The names sort last,
after the application's own BEFORE triggers (trap 34), and both fire ALWAYS, replicas' sessions
included (trap 36).
"""

from collections.abc import Sequence

from pgtide.changes.change import Scope
from pgtide.changes.sync import Added, Piece, Turned, moved
from pgtide.changes.sync_body import Counters, comparable, counting, declaring, inserting, updating
from pgtide.model.plan import Sync
from pgtide.model.statement import Lock, Statement
from pgtide.postgres.ddl import fill, ident, listed, literal, relation


def names(tag: str) -> Sync:
    """Return the names of a migration's sync objects; `~` sorts after every letter and digit."""
    return Sync(
        insert_trigger=f"~zz_pgtide_{tag}_i",
        update_trigger=f"~zz_pgtide_{tag}_u",
        function=f"m_{tag}_sync",
        conflicts=f"m_{tag}_conflicts",
        mended=f"m_{tag}_mended",
    )


def released(tag: str) -> str:
    """Return the name of the counter of writes that gave up the way back."""
    return f"m_{tag}_released"


def prepare(scope: Scope) -> tuple[Statement, ...]:
    """Return the statements for the counters.

    Of writes that gave both columns other values, and of those that gave one only.
    """
    sync = names(scope.tag)
    counters = _sequence(sync.conflicts, "counts writes that contradict themselves")
    if scope.counted:
        counters += _sequence(sync.mended, "counts writes that did not write both shapes")
    return counters


def _sequence(name: str, why: str) -> tuple[Statement, ...]:
    sequence = ident("pgtide", name)
    return (
        Statement(
            sql=fill("CREATE SEQUENCE IF NOT EXISTS {sequence}", sequence=sequence),
            lock=Lock.NONE,
            why=f"{why}; a sequence never makes writers wait",
            undo=fill("DROP SEQUENCE IF EXISTS {sequence}", sequence=sequence),
        ),
        Statement(
            sql=fill("GRANT USAGE ON SEQUENCE {sequence} TO PUBLIC", sequence=sequence),
            lock=Lock.NONE,
            why="the triggers run with the rights of whoever writes",
        ),
    )


def function(scope: Scope, pieces: Sequence[Piece]) -> Statement:
    """Return the trigger function: pairs first, since an added column may be computed from them."""
    ordered = sorted(pieces, key=lambda piece: isinstance(piece, Added))
    sync = names(scope.tag)
    counters = Counters(
        conflicts=_counter(sync.conflicts),
        released=_counter(released(scope.tag)),
        mended=_counter(sync.mended) if scope.counted else "",
    )
    inserts = [inserting(piece, counters) for piece in ordered]
    updates = [updating(piece, scope.table, counters) for piece in ordered]
    body = (
        # Not indented: a name may hold a line break.
        f"{declaring(counters)}\nBEGIN\nIF tg_op = 'INSERT' THEN\n"
        + "\n".join(inserts)
        + "\nELSE\n"
        + "\n".join(updates)
        + f"\nEND IF;\n{counting(counters)}RETURN new;\nEND\n"
    )
    name = ident("pgtide", sync.function)
    return Statement(
        sql=fill(
            # No name in the body is looked up in the writer's own search path (trap 97).
            "CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SET "
            "search_path = pg_catalog, pg_temp"
            " AS {body}",
            name=name,
            body=literal(body),
        ),
        lock=Lock.NONE,
        why="brings a written row in step; reads and writes nothing but the row",
        undo=fill("DROP FUNCTION IF EXISTS {name}()", name=name),
    )


def triggers(scope: Scope, pieces: Sequence[Piece]) -> tuple[Statement, ...]:
    """Return the statements that install both triggers."""
    sync, table = names(scope.tag), relation(scope.table.name)
    tests = [test for piece in pieces if (test := piece.in_step("new"))]
    out_of_step = f"NOT ({' AND '.join(tests)})" if tests else ""
    writes = [
        f"(new.{ident(one.name)} IS NULL AND {one.write.on('new')} IS NOT NULL)"
        for one in pieces
        if isinstance(one, Added) and one.write
    ]
    # Nobody gives a value to a column that is nobody's any more, and it may be NOT NULL.
    writes += [f"new.{ident(one.retired)} IS NULL" for one in pieces if isinstance(one, Turned)]
    sources = dict.fromkeys(name for piece in pieces for name in piece.moved_sources())
    moves = [moved(name, comparable=comparable(scope.table, name)) for name in sources]
    return (
        _trigger(sync.insert_trigger, "INSERT", [out_of_step, *writes], scope=scope),
        _trigger(sync.update_trigger, "UPDATE", [*moves, out_of_step], scope=scope),
        Statement(
            sql=fill(
                "ALTER TABLE {table} ENABLE ALWAYS TRIGGER {insert}, ENABLE ALWAYS TRIGGER "
                "{update}",
                table=table,
                insert=ident(sync.insert_trigger),
                update=ident(sync.update_trigger),
            ),
            lock=Lock.SHARE_ROW_EXCLUSIVE,
            why="also for sessions that replay replicated rows",
        ),
    )


def present(scope: Scope, columns: Sequence[tuple[str, str]]) -> str:
    """Return the query that tells whether both triggers and all columns are there.

    As they should be.
    """
    sync = names(scope.tag)
    wanted = listed([f"({literal(name)}, {literal(kind)})" for name, kind in columns])
    return fill(
        "SELECT (SELECT count(*) = 2 FROM pg_trigger WHERE tgrelid = {oid} AND tgenabled = 'A'"
        " AND tgname IN ({insert}, {update}))"
        # A partition has each of its table's triggers, and somebody may have disabled it there.
        " AND NOT EXISTS (SELECT FROM pg_trigger c JOIN pg_trigger p ON p.oid = c.tgparentid"
        " WHERE p.tgname IN ({insert}, {update}) AND c.tgname = p.tgname AND c.tgenabled <> 'A')"
        " AND NOT EXISTS (SELECT FROM (VALUES {wanted}) w (name, type) WHERE NOT EXISTS (SELECT "
        "FROM pg_attribute a"
        " WHERE a.attrelid = {oid} AND a.attname = w.name AND NOT a.attisdropped"
        " AND format_type(a.atttypid, a.atttypmod) = w.type))",
        oid=str(scope.table.oid),
        insert=literal(sync.insert_trigger),
        update=literal(sync.update_trigger),
        wanted=wanted,
    )


def _counter(name: str) -> str:
    return fill("{name}::regclass", name=literal(ident("pgtide", name)))


def _trigger(name: str, operation: str, tests: list[str], *, scope: Scope) -> Statement:
    sync, table = names(scope.tag), relation(scope.table.name)
    when = " OR ".join(test for test in tests if test)
    return Statement(
        sql=fill(
            "CREATE OR REPLACE TRIGGER {name} BEFORE {operation} ON {table} FOR EACH ROW{when}"
            " EXECUTE FUNCTION {function}()",
            name=ident(name),
            operation=operation,
            table=table,
            when=f" WHEN ({when})" if when else "",
            function=ident("pgtide", sync.function),
        ),
        lock=Lock.SHARE_ROW_EXCLUSIVE,
        why=f"keeps every {operation} in step; rows that already are never reach the function",
        undo=fill("DROP TRIGGER IF EXISTS {name} ON {table}", name=ident(name), table=table),
    )
