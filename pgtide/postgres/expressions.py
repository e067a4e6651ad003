"""Ask the server what a migration's expressions, types and indexes mean.

By trying them on an empty table.

Names are bound by the server, never looked for in text. Everything happens in transactions that are
rolled back: nothing in the target changes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg

from pgtide.model.expression import (
    Answers,
    Expression,
    IndexShape,
    Questions,
    Source,
    TypeFacts,
    Volatility,
)
from pgtide.model.state import Phase
from pgtide.model.table import Table
from pgtide.postgres.catalog import read_columns
from pgtide.postgres.ddl import fill, ident, listed, literal, relation, search_path
from pgtide.postgres.faults import translate
from pgtide.postgres.free_statement import read
from pgtide.postgres.mistake import mistake, pointed
from pgtide.postgres.session import Session
from pgtide.sql import queries

_SQL: Final = queries("expressions")
_COURSE: Final = tuple(Phase)
# Syntax, data and feature errors are the migration file's; all others are the server's own trouble.
_MISTAKES: Final = ("42", "22", "0A", "2B")


def bind(session: Session, table: Table, questions: Questions) -> Answers:
    """Answer a change's questions; raises InvalidMigration with the place of the mistake."""
    answers = Answers()
    for kind in questions.types:
        with _trial(session, table):
            answers.types[kind] = _type(session, kind)
    for expression in questions.expressions:
        with _trial(session, table):
            answers.sources[expression] = _expression(session, table, expression)
    for index in questions.indexes:
        with _trial(session, table):
            answers.indexes[index] = _index(session, table, index)
    earlier: tuple[str, ...] = ()
    for statement in sorted(questions.statements, key=lambda one: _COURSE.index(one.phase)):
        answers.statements[statement] = read(session, table, statement, earlier=earlier)
        earlier = (*earlier, statement.text) if statement.linted else earlier
    return answers


@contextmanager
def _trial(session: Session, table: Table) -> Iterator[None]:
    with session.rolled_back():
        _look_where_expressions_do(session, table)
        yield


def _type(session: Session, kind: str) -> TypeFacts:
    with _explained(f"type {kind}", kind, ""):
        session.single(fill("SELECT {text}::regtype", text=literal(kind)))
        # The server has just read the text as one type's name and nothing else.
        prefix = "CREATE TEMP TABLE pgtide_trial (probe "
        session.single(f"{prefix}{kind}\n)")
    _qualify(session)
    [column] = read_columns(session, session.value(_SQL["trial_oid"]))
    facts = session.row(_SQL["type_facts"]) or {}
    before = session.value(_SQL["trial_file"])
    session.execute(f"ALTER TABLE pg_temp.pgtide_trial ADD COLUMN again {facts['name']}")
    rewrites = session.value(_SQL["trial_file"]) != before
    return TypeFacts(**facts, comparable=column.comparable, rewrites=rewrites)


def _expression(session: Session, table: Table, expression: Expression) -> tuple[Source, ...]:
    _trial_table(session, table, expression.instead)
    sources = _sources(session, table, expression)
    _refuse_generated(table, expression, sources)
    _function(session, expression, sources)
    if expression.volatility is Volatility.IMMUTABLE:
        prefix = (
            f"ALTER TABLE pg_temp.pgtide_trial ADD COLUMN pgtide_probe {expression.returns} "
            "GENERATED ALWAYS AS ("
        )
        # A generated column refuses what is not immutable, and subqueries, aggregates and
        # set-returning functions.
        with _explained(expression.label, expression.text, prefix):
            session.single(f"{prefix}{expression.text}\n) STORED")
    else:
        _refuse_volatile(session, expression, sources)
    return sources


def _sources(session: Session, table: Table, expression: Expression) -> tuple[Source, ...]:
    prefix = "CREATE TEMP VIEW pgtide_view AS SELECT ("
    with _explained(expression.label, expression.text, prefix):
        session.single(f"{prefix}{expression.text}\n) AS probe FROM pg_temp.pgtide_trial")
    _qualify(session)
    rows = session.rows(_SQL["view_sources"])
    _look_where_expressions_do(session, table)
    return tuple(Source(name=row["name"], type=row["type"]) for row in rows)


def _look_where_expressions_do(session: Session, table: Table) -> None:
    session.configure({"search_path": search_path(table.name)}, local=True)


def _qualify(session: Session) -> None:
    """Let the server write names outside pg_catalog with their schema."""
    session.configure({"search_path": "pg_catalog"}, local=True)


def _refuse_generated(table: Table, expression: Expression, sources: tuple[Source, ...]) -> None:
    # The trial table does not know: LIKE copies a generated column as an ordinary one.
    own = {column.name for column in table.columns if column.generated}
    used = own.intersection(source.name for source in sources) - {n for n, _ in expression.instead}
    if used:
        raise mistake(
            expression.label,
            f"it uses the generated column {', '.join(sorted(used))}, which a BEFORE trigger "
            "sees as NULL",
        )


def _function(session: Session, expression: Expression, sources: tuple[Source, ...]) -> None:
    parameters = listed([f"{ident(source.name)} {source.type}" for source in sources])
    prefix = (
        f"CREATE FUNCTION pg_temp.pgtide_expression({parameters}) RETURNS {expression.returns} "
        f"LANGUAGE sql {expression.volatility.name} RETURN ("
    )
    with _explained(expression.label, expression.text, prefix):
        session.single(f"{prefix}{expression.text}\n)")


def _refuse_volatile(session: Session, expression: Expression, sources: tuple[Source, ...]) -> None:
    # The planner inlines a STABLE function's body only where nothing in it is volatile, a subquery,
    # an aggregate or set-returning: if the call is still there, something was.
    call = f"pg_temp.pgtide_expression({listed([ident(source.name) for source in sources])})"
    plan = session.rows(
        fill("EXPLAIN (VERBOSE, COSTS OFF) SELECT {call} FROM pg_temp.pgtide_trial", call=call)
    )
    if any("pgtide_expression" in str(line) for row in plan for line in row.values()):
        raise mistake(
            expression.label,
            "it is volatile, or holds a subquery, an aggregate or a set-returning function",
        )


def _index(session: Session, table: Table, index: IndexShape) -> str:
    _trial_table(session, table, index.instead)
    where = f" WHERE ({index.where}\n)" if index.where else ""
    prefix = (
        f"CREATE {'UNIQUE ' if index.unique else ''}INDEX pgtide_index ON pg_temp.pgtide_trial "
        f"USING {ident(index.method)} ("
    )
    with _explained(f"index {index.name}", listed(index.on), prefix):
        session.single(f"{prefix}{listed(index.on)}\n){where}")
        for name, column in index.renamed:
            # The server rewrites the index's own text when a column is renamed: no names are
            # replaced in text.
            if column in _names(session):
                session.execute(_drop(column))
            session.execute(
                fill(
                    "ALTER TABLE pg_temp.pgtide_trial RENAME COLUMN {name} TO {column}",
                    name=ident(name),
                    column=ident(column),
                )
            )
    # As finalize will compare them.
    _qualify(session)
    definition = str(session.value(_SQL["index_definition"]))
    return definition.split("pgtide_trial ", 1)[1]


def _trial_table(session: Session, table: Table, instead: tuple[tuple[str, str], ...]) -> None:
    session.execute(
        fill("CREATE TEMP TABLE pgtide_trial (LIKE {table})", table=relation(table.name)),
        doing="making an empty copy of the table in a transaction that is rolled back",
    )
    names = _names(session) if instead else set()
    for name, kind in instead:
        if name in names:
            session.execute(_drop(name))
        session.single(f"ALTER TABLE pg_temp.pgtide_trial ADD COLUMN {ident(name)} {kind}\n")


def _names(session: Session) -> set[str]:
    return {row["name"] for row in session.rows(_SQL["trial_names"])}


def _drop(name: str) -> str:
    return fill("ALTER TABLE pg_temp.pgtide_trial DROP COLUMN {name}", name=ident(name))


@contextmanager
def _explained(label: str, text: str, prefix: str) -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        if not (error.sqlstate or "").startswith(_MISTAKES):
            raise translate(error, f"trying the {label}") from error
        message = error.diag.message_primary or str(error)
        place = int(error.diag.statement_position or 0) - len(prefix) - 1
        shown = pointed(text, place) if prefix and 0 <= place <= len(text) else f": {text}"
        raise mistake(label, f"{message}{shown}\n") from error
