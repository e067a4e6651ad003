"""Expressions of a migration file as SQL-body functions of their own.

The server binds every name in the body when the function is made; the planner inlines it, so it
costs what the text would cost (0.99 in the experiment).
"""

from collections.abc import Sequence

from pgtide.changes.sync import Call
from pgtide.model.expression import Expression, Source, TypeFacts
from pgtide.model.statement import Lock, Statement
from pgtide.postgres.ddl import fill, ident, listed


def expression_function(
    name: str, expression: Expression, sources: tuple[Source, ...], *, returns: TypeFacts
) -> Statement:
    """Return the statement that makes an expression's function.

    Its parameters are the columns it uses.
    """
    body = _as_stored(f"({expression.text}\n)", returns)
    signature = listed([f"{ident(source.name)} {source.type}" for source in sources])
    return Statement(
        sql=fill(
            "CREATE OR REPLACE FUNCTION {name}({signature}) RETURNS {returns} LANGUAGE sql "
            "{volatility}"
            " PARALLEL SAFE RETURN {body}",
            name=ident("pgtide", name),
            signature=signature,
            returns=returns.name,
            volatility=expression.volatility.name,
            body=body,
        ),
        lock=Lock.NONE,
        why=f"{expression.label}, bound once by the server",
        undo=fill(
            "DROP FUNCTION IF EXISTS {name}({types})",
            name=ident("pgtide", name),
            types=listed([source.type for source in sources]),
        ),
    )


def _as_stored(body: str, returns: TypeFacts) -> str:
    """Return an expression whose value compares as equal to what becomes of it in a column."""
    if returns.varying is not None:
        # What storing does, and a cast does not: too long a value fails, and spaces too many at its
        # end are cut.
        return (
            f'pg_catalog."varchar"(CAST({body} AS pg_catalog."varchar"), {returns.varying}, false)'
        )
    # A cast rounds as storing would (numeric(8,2)). Other types that it would cut short (bit(9))
    # keep the bare expression: storing too long a value must fail.
    if returns.modified and not returns.cut:
        return f"CAST({body} AS {returns.name})"
    return body


def call(name: str, arguments: tuple[str, ...]) -> Call:
    """Return the call of an expression's function."""
    return Call(function=ident("pgtide", name), arguments=arguments)


def public(functions: Sequence[Statement]) -> tuple[Statement, ...]:
    """Return the statement that lets everybody call functions, if there are any."""
    if not functions:
        return ()
    # A database's default privileges may withhold EXECUTE; the triggers run with the writer's
    # rights.
    names = [one.undo.removeprefix("DROP FUNCTION IF EXISTS ") for one in functions]
    return (
        Statement(
            sql=fill("GRANT EXECUTE ON FUNCTION {names} TO PUBLIC", names=listed(names)),
            lock=Lock.NONE,
            why="the triggers run with the rights of whoever writes",
        ),
    )
