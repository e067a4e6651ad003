"""What must be refused before anything has changed: how to get there, and what must be said."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from pgtide import AddColumn, Index, Migration, ReplaceColumn
from pgtide.changes.change import Change
from tests.users import email_migration


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A migration that is refused, what makes it so, and words of the reason and the remedy."""

    name: str
    says: tuple[str, ...]
    remedy: str
    migration: Callable[[], Migration] = email_migration
    setup: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        return self.name


MEND = "Mend the migration file"


def changing(*changes: Change) -> Callable[[], Migration]:
    return lambda: replace(email_migration(), changes=list(changes))


def added(**expressions: str) -> Callable[[], Migration]:
    return changing(AddColumn("verified_at", type="timestamp", **expressions))


def bad(name: str, *says: str, migration: Callable[[], Migration]) -> Refusal:
    return Refusal(name=name, says=says, remedy=MEND, migration=migration)


_VOLATILE = "it is volatile, or holds a subquery, an aggregate or a set-returning function"
_GENERATED = "generation expression is not immutable"

EXPRESSIONS = (
    # The caret stands below the first letter that the server does not understand.
    bad(
        "a wrong expression, with its place",
        "AddColumn('verified_at') backfill: syntax error at or near \"EMD\"",
        "\n    CASE WHEN email_verified THEN created_at EMD\n" + " " * (4 + 42 - 1) + "^\n",
        migration=added(backfill="CASE WHEN email_verified THEN created_at EMD"),
    ),
    bad(
        "an unknown column, with its place",
        'column "verfied" does not exist',
        "\n    created_at + verfied\n" + " " * (4 + 13) + "^\n",
        migration=added(backfill="created_at + verfied"),
    ),
    bad(
        "a wrong expression of several lines, with its place",
        "\n    CASE WHEN email_verified\n      THEN verfied\n" + " " * (4 + 7) + "^\n    END\n",
        migration=added(backfill="CASE WHEN email_verified\n  THEN verfied\nEND"),
    ),
    bad(
        "an expression of the wrong type",
        "backfill",
        migration=added(backfill="email_verified"),
    ),
    bad("a backfill that reads the clock", _GENERATED, migration=added(backfill="now()")),
    bad(
        "a backfill by chance",
        _GENERATED,
        migration=changing(AddColumn("luck", type="float8", backfill="random()")),
    ),
    bad(
        "a verify that reads the clock",
        _GENERATED,
        migration=added(backfill="created_at", verify="verified_at < now()"),
    ),
    bad(
        "an up by chance",
        _GENERATED,
        migration=changing(
            ReplaceColumn("email_verified", type="boolean", up="random() > 0.5", down="true")
        ),
    ),
    bad(
        "a live value by the wall clock",
        _VOLATILE,
        migration=added(on_write="clock_timestamp()::timestamp"),
    ),
    bad(
        "a live value by chance",
        _VOLATILE,
        migration=added(on_write="now()::timestamp + random() * interval '1 s'"),
    ),
    bad(
        "a live value by a subquery",
        _VOLATILE,
        migration=added(on_write="(SELECT max(created_at) FROM public.users)"),
    ),
    bad(
        "a backfill by a subquery",
        "subquer",
        migration=added(backfill="(SELECT max(created_at) FROM public.users)"),
    ),
    bad("a backfill by an aggregate", "aggregate", migration=added(backfill="max(created_at)")),
    bad("a live value by an aggregate", "verified_at", migration=added(on_write="max(created_at)")),
    bad(
        "a backfill of many rows",
        "set-returning",
        migration=changing(AddColumn("n", type="int", backfill="generate_series(1, 2)")),
    ),
    bad(
        "a column that is generated",
        "generated column twice",
        migration=changing(AddColumn("again", type="bigint", backfill="twice")),
    ),
)

INJECTIONS = tuple(
    bad(f"in an expression: {text}", "verified_at", migration=added(backfill=text))
    for text in (
        "created_at); DROP TABLE public.users; --",
        "created_at; DROP TABLE public.users",
        "created_at) FROM public.users; COMMIT; DROP TABLE public.users; SELECT (1",
        "created_at) STORED, DROP COLUMN email, ADD COLUMN x int DEFAULT (1",
        "created_at), (created_at",
        "created_at /*",
        "created_at ' || $$",
        "",
    )
    if text
) + tuple(
    bad(f"in a type: {text}", "type", migration=changing(AddColumn("c", type=text)))
    for text in (
        "boolean); DROP TABLE public.users; --",
        "boolean, ADD COLUMN x int",
        "boolean DEFAULT true",
        "boolean NOT NULL",
        "SETOF boolean",
        "serial",
        "no_such_type",
        "varchar(0)",
        "record",
    )
)

DECLARATIONS = (
    bad(
        "interim with unequal types",
        "needs equal types",
        migration=changing(
            ReplaceColumn("verification_token", interim="verification_token_v2", type="text")
        ),
    ),
    bad(
        "interim with expressions",
        "leave out up and down, or leave out interim",
        migration=changing(
            ReplaceColumn("email_verified", interim="v2", type="boolean", up="NOT email_verified")
        ),
    ),
    bad(
        "a column that is not there",
        "has no column email_checked",
        migration=changing(ReplaceColumn("email_checked", type="boolean")),
    ),
    bad(
        "an interim name that is taken",
        "already has a column name",
        migration=changing(ReplaceColumn("email", interim="name", type="text")),
    ),
    bad(
        "a new column that is there",
        "already has a column email",
        migration=changing(AddColumn("email", type="text")),
    ),
    bad(
        "two changes of one column",
        "two changes are about the same column",
        migration=changing(
            ReplaceColumn("email", type="text"), ReplaceColumn("email", type="varchar")
        ),
    ),
    bad(
        "an index on no such column",
        "does not exist",
        migration=changing(Index("i", on="nothing")),
    ),
    bad(
        "an index by chance",
        "index i",
        migration=changing(Index("i", on="(random())")),
    ),
    bad(
        "a name of 64 bytes",
        "longer than 63 bytes",
        migration=changing(Index("i" * 64, on="email")),
    ),
    bad(
        "a column's name of 64 bytes",
        "longer than 63 bytes",
        migration=changing(AddColumn("é" * 32, type="text")),
    ),
    bad(
        "an interim name of 64 bytes",
        "longer than 63 bytes",
        migration=changing(ReplaceColumn("email", interim="i" * 64, type="text")),
    ),
)

DECLARED = (*EXPRESSIONS, *INJECTIONS, *DECLARATIONS)
