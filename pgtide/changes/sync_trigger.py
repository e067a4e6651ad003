"""The two sync triggers and their one function.

From expand on, no write can leave the shapes apart.

One trigger for INSERT and UPDATE cannot be built, since its WHEN clause may not name OLD; a WHEN on
NEW alone would miss an application that writes both columns (experiment 1). The names sort last,
after the application's own BEFORE triggers (trap 34), and both fire ALWAYS, replicas' sessions
included (trap 36).
"""

from collections.abc import Sequence
from typing import Final

from pgtide.changes.change import Scope
from pgtide.changes.sync import Added, Pair, differs, kept, moved
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


def prepare(scope: Scope) -> tuple[Statement, ...]:
    """Return the statements for the counters.

    Of writes that gave both columns other values, and of those that gave one only.
    """
    sync = names(scope.tag)
    counters = _counter(sync.conflicts, "counts writes that contradict themselves")
    if scope.counted:
        counters += _counter(sync.mended, "counts writes that did not write both shapes")
    return counters


def _counter(name: str, why: str) -> tuple[Statement, ...]:
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


def function(scope: Scope, pieces: Sequence[Pair | Added]) -> Statement:
    """Return the trigger function: pairs first, since an added column may be computed from them."""
    pairs = [piece for piece in pieces if isinstance(piece, Pair)]
    added = [piece for piece in pieces if isinstance(piece, Added)]
    inserts = [_insert_pair(pair, scope) for pair in pairs] + [
        _insert_added(one, scope) for one in added
    ]
    updates = [_update_pair(pair, scope) for pair in pairs] + [
        _update_added(one, scope) for one in added
    ]
    body = (
        # Not indented: a name may hold a line break.
        f"{_DECLARED if scope.counted else ''}\nBEGIN\nIF tg_op = 'INSERT' THEN\n"
        + "\n".join(inserts)
        + "\nELSE\n"
        + "\n".join(updates)
        + f"\nEND IF;\n{_count(scope)}RETURN new;\nEND\n"
    )
    name = ident("pgtide", names(scope.tag).function)
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


def triggers(scope: Scope, pieces: Sequence[Pair | Added]) -> tuple[Statement, ...]:
    """Return the statements that install both triggers."""
    sync, table = names(scope.tag), relation(scope.table.name)
    tests = [test for piece in pieces if (test := piece.in_step("new"))]
    out_of_step = f"NOT ({' AND '.join(tests)})" if tests else ""
    writes = [
        f"(new.{ident(one.name)} IS NULL AND {one.write.on('new')} IS NOT NULL)"
        for one in pieces
        if isinstance(one, Added) and one.write
    ]
    sources = dict.fromkeys(name for piece in pieces for name in piece.moved_sources())
    moves = [moved(name, comparable=_comparable(scope, name)) for name in sources]
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
        " AND NOT EXISTS (SELECT FROM (VALUES {wanted}) w (name, type) WHERE NOT EXISTS (SELECT "
        "FROM pg_attribute a"
        " WHERE a.attrelid = {oid} AND a.attname = w.name AND NOT a.attisdropped"
        " AND format_type(a.atttypid, a.atttypmod) = w.type))",
        oid=str(scope.table.oid),
        insert=literal(sync.insert_trigger),
        update=literal(sync.update_trigger),
        wanted=wanted,
    )


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


_DECLARED: Final = "\nDECLARE mended boolean := false;"


def _mend(scope: Scope, test: str) -> str:
    """Return what notes that the write must be mended for want of the other shape."""
    return f"mended := mended OR {test};\n" if scope.counted else ""


def _count(scope: Scope) -> str:
    # Once a write, however many columns it left to the trigger.
    sequence = literal(ident("pgtide", names(scope.tag).mended))
    counted = f"IF mended THEN\n  PERFORM nextval({sequence}::regclass);\nEND IF;\n"
    return counted if scope.counted else ""


def _insert_pair(pair: Pair, scope: Scope) -> str:
    # The new column has no default, so a value in it was given, and wins.
    old, new = f"new.{ident(pair.old)}", f"new.{ident(pair.new)}"
    return (
        _mend(scope, f"NOT {pair.in_step('new')}")
        + f"IF {new} IS NULL THEN\n  {new} := {pair.up.on('new')};\n"
        f"ELSIF NOT {pair.in_step('new')} THEN\n  {old} := {pair.down.on('new')};\nEND IF;"
    )


def _insert_added(added: Added, scope: Scope) -> str:
    following = _follow(added, "")
    if not following:
        return "NULL;"
    column = f"new.{ident(added.name)}"
    given = _mend(scope, f"{column} IS NOT NULL")
    return f"IF {column} IS NULL THEN\n{following}\n{given}END IF;"


def _follow(added: Added, moved_sources: str) -> str:
    """Return what gives an added column its value.

    A live one where a source moved, and the backfill's where that is not enough.
    """
    column = f"new.{ident(added.name)}"
    blocks = []
    if added.write:
        write = f"{column} := {added.write.on('new')};"
        blocks.append(f"IF {moved_sources} THEN\n  {write}\nEND IF;" if moved_sources else write)
    if added.fill:
        fresh = f"{column} := {added.fill.on('new')};"
        blocks.append(f"IF NOT {added.in_step('new')} THEN\n  {fresh}\nEND IF;")
    return "\n".join(blocks)


def _update_pair(pair: Pair, scope: Scope) -> str:
    old, new = f"new.{ident(pair.old)}", f"new.{ident(pair.new)}"
    sources = [moved(name, comparable=_comparable(scope, name)) for name in pair.up.arguments]
    moved_old = f"({' OR '.join(sources)})" if sources else "false"
    moved_new = moved(pair.new, comparable=pair.comparable_new)
    kept_new = kept(pair.new, comparable=pair.comparable_new)
    conflicts = literal(ident("pgtide", names(scope.tag).conflicts))
    fresh = pair.up.on("new")
    stale = differs(new, fresh, comparable=pair.comparable_new)
    return (
        f"IF NOT {pair.in_step('new')} THEN\n"
        # Both written, in contradiction: the application's word against its own. Left alone and
        # counted.
        f"  IF {moved_old} AND {moved_new} THEN\n    PERFORM nextval({conflicts}::regclass);\n"
        f"  ELSIF {moved_new} THEN\n    {_mend(scope, 'true')}{old} := {pair.down.on('new')};\n"
        # The old side was written, or nothing was and the row is not filled yet: healed. Without
        # healing the backfill's passes leave rows behind. Only what was written is counted.
        f"  ELSE\n    {_mend(scope, moved_old)}{new} := {fresh};\n  END IF;\n"
        f"ELSIF {moved_old} AND {kept_new} THEN\n  {_mend(scope, stale)}{new} := {fresh};\nEND IF;"
    )


def _update_added(added: Added, scope: Scope) -> str:
    sources = [
        moved(name, comparable=_comparable(scope, name))
        for name in (added.write.arguments if added.write else ())
    ]
    following = _follow(added, " OR ".join(sources) or "false")
    if not following:
        return "NULL;"
    # An application that wrote the column itself is left alone.
    untouched = kept(added.name, comparable=added.comparable)
    mending = _mend(scope, _left_to_trigger(added, scope)) if scope.counted else ""
    return f"IF {untouched} THEN\n{following}\n{mending}END IF;"


def _left_to_trigger(added: Added, scope: Scope) -> str:
    """Return the test whether what a column is made of was written, and the column was not.

    A row that is only healed on the way has no such write.
    """
    call = added.write or added.fill
    arguments = call.arguments if call else ()
    sources = [moved(name, comparable=_comparable(scope, name)) for name in arguments]
    given = moved(added.name, comparable=added.comparable)
    return f"(({' OR '.join(sources) or 'false'}) AND {given})"


def _comparable(scope: Scope, name: str) -> bool:
    column = scope.table.column(name)
    return column is not None and column.comparable
