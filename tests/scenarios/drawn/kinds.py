"""What a column may be and become: its types, its values, and both conversions said in Python.

A new kind of change is a new line in one of the two lists; everything else draws from them.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from tests.scenarios.drawn.conversions import (
    Convert,
    alike,
    integer,
    narrow,
    numeric,
    short,
    single,
)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PairKind:
    """A column and what replaces it.

    `there` are the values of rows before the migration and of writes by the old name, `odd` those
    that the triggers must refuse, `news` those of writes by the new name. In the expressions `{c}`
    is the column and `{f}` the row's factor. `default` is one of `there`, and the same as SQL.
    `compared` is what both sides are compared by, where only storing a value refuses it.
    """

    old: str
    new: str
    there: Sequence[object]
    odd: Sequence[object] = ()
    news: Sequence[object]
    up: Convert = alike
    down: Convert = alike
    compared: Convert | None = None
    up_sql: str | None = None
    down_sql: str | None = None
    scaled: bool = False
    default: tuple[object, str] | None = None
    comparable: bool = True

    @property
    def identity(self) -> bool:
        """Tell whether both names can be in use at once."""
        return self.old == self.new and not (self.up_sql or self.down_sql)

    def __repr__(self) -> str:
        return f"{self.old} to {self.new}"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AddedKind:
    """A column that the old shape lacks; `{c}` is the first replaced column, `{a}` the new one.

    The Python functions get the row's value of `source`.
    """

    type: str
    source: str  # c, f (the factor), n (the note) or nothing
    values: Sequence[object]
    fill_sql: str | None = None
    fill: Callable[[object], object] | None = None
    write_sql: str | None = None
    write: Callable[[object], object] | None = None
    verify_sql: str | None = None
    verify: Callable[[object, object], bool] | None = None

    def __repr__(self) -> str:
        return f"{self.type} from {self.source or 'nothing'}"


def _at(year: int) -> datetime:
    return datetime(year, 1, 2, 3, 4, 5)  # noqa: DTZ001 -- the type has no zone


WORDS = ("", "a", "ä", "it's", 'say "no"', "100 %s", "back\\slash", "tab\there")
_MAX = 2**31 - 1
_MONEY = (Decimal("0.00"), Decimal("1.50"), Decimal("-7.25"), Decimal("99.99"))

PAIRS = (
    PairKind(
        old="boolean",
        new="boolean",
        there=(True, False),
        news=(True, False),
        default=(False, "false"),
    ),
    PairKind(old="text", new="text", there=WORDS, news=WORDS, default=("a", "'a'")),
    PairKind(
        old="character varying(8)",
        new="character varying(8)",
        there=("a", "12345678"),
        news=("b", ""),
    ),
    PairKind(
        old="timestamp without time zone",
        new="timestamp without time zone",
        there=(_at(2000), _at(2024)),
        news=(_at(2000), _at(2031)),
    ),
    PairKind(
        old="numeric(10,2)",
        new="numeric(10,2)",
        there=_MONEY,
        news=_MONEY,
        default=(Decimal("1.50"), "1.5"),
    ),
    # json has no equality: two spellings of one document are two values.
    PairKind(
        old="json",
        new="json",
        there=('{"a": 1}', '{"a":1}', "[]"),
        news=('{"a": 1}', '{"a":1}'),
        comparable=False,
    ),
    PairKind(
        old="integer",
        new="bigint",
        there=(0, 1, -5, _MAX),
        news=(1, 7, _MAX, _MAX + 1),
        down=narrow(-(2**31), _MAX),
        default=(7, "7"),
    ),
    PairKind(
        old="integer",
        new="text",
        there=(0, 7, -5, _MAX),
        news=("7", "007", "+7", "x"),
        up=lambda value, _: str(value),
        down=integer,
        down_sql="{c}::integer",
        default=(7, "7"),
    ),
    PairKind(
        old="text",
        new="character varying(8)",
        there=("", "a", "12345678", "ä" * 8, "spaced          "),
        odd=("too long for it",),
        news=("", "b", "12345678"),
        up=short(8),
        default=("a", "'a'"),
    ),
    PairKind(
        old="character varying(8)",
        new="text",
        there=("", "a", "12345678"),
        news=("", "b", "too long for it", "spaced          "),
        down=short(8),
    ),
    PairKind(
        old="character(4)",
        new="text",
        there=("ab  ", "abcd", "    "),
        news=("ab", "ab ", "abcd", "too long"),
        up=lambda value, _: str(value).rstrip(" "),
        down=lambda value, _: str(short(4)(value, 1)).ljust(4),
        compared=lambda value, _: str(value).rstrip(" ").ljust(4),
    ),
    PairKind(
        old="numeric(8,2)",
        new="numeric(8,1)",
        there=(*_MONEY, Decimal("0.05"), Decimal("-0.05")),
        news=(Decimal("0.1"), Decimal("1.5"), Decimal("-7.3")),
        up=numeric(8, 1),
        down=numeric(8, 2),
        default=(Decimal("1.25"), "1.25"),
    ),
    PairKind(
        old="numeric(6,2)",
        new="numeric(12,4)",
        there=_MONEY,
        news=(Decimal("1.5000"), Decimal("1.2345"), Decimal("12345.0000")),
        up=numeric(12, 4),
        down=numeric(6, 2),
    ),
    PairKind(
        old="timestamp without time zone",
        new="timestamp with time zone",
        there=(_at(2000), _at(2024)),
        news=(datetime(2031, 1, 1, tzinfo=UTC), datetime(2000, 1, 2, 3, 4, 5, tzinfo=UTC)),
        up=lambda value, _: value.replace(tzinfo=UTC),  # type: ignore[attr-defined]  # a datetime
        down=lambda value, _: value.astimezone(UTC).replace(tzinfo=None),  # type: ignore[attr-defined]  # the same
        up_sql="{c} AT TIME ZONE 'UTC'",
        down_sql="{c} AT TIME ZONE 'UTC'",
    ),
    # The new side knows more: a deleted account must not become a suspended one.
    PairKind(
        old="boolean",
        new="text",
        there=(True, False),
        news=("active", "suspended", "deleted"),
        up=lambda value, _: "active" if value else "suspended",
        down=lambda value, _: value == "active",
        up_sql="CASE WHEN {c} THEN 'active' WHEN NOT {c} THEN 'suspended' END",
        down_sql="{c} = 'active'",
    ),
    # '7' and '007' are the same number: neither may be rewritten to the other.
    PairKind(
        old="text",
        new="integer",
        there=("007", "7", "042"),
        odd=("x",),
        news=(7, 12, 99),
        up=integer,
        down=lambda value, _: str(value).rjust(3, "0"),
        up_sql="{c}::integer",
        down_sql="lpad({c}::text, 3, '0')",
    ),
    PairKind(
        old="integer",
        new="integer",
        there=(0, 1, 5, 30),
        news=(0, 7, 10, 31),
        up=lambda value, factor: int(str(value)) * factor,
        down=lambda value, factor: int(str(value)) // factor,
        up_sql="{c} * {f}",
        down_sql="{c} / {f}",
        scaled=True,
    ),
    PairKind(
        old="real",
        new="double precision",
        there=(0.5, 0.1, -3.25),
        news=(0.5, 0.1, 1e-3),
        up=lambda value, _: struct.unpack("f", struct.pack("f", value))[0],
        down=single,
        default=(0.5, "0.5"),
    ),
)

_FILLED, _WRITTEN = _at(2020), _at(2030)


def _if_there(value: object) -> Callable[[object], object]:
    return lambda source: None if source is None else value


ADDED = (
    AddedKind(
        type="timestamp without time zone",
        source="c",
        values=(_at(2025),),
        fill_sql="CASE WHEN {c} IS NOT NULL THEN timestamp '2020-01-02 03:04:05' END",
        fill=_if_there(_FILLED),
        write_sql="CASE WHEN {c} IS NOT NULL THEN timestamp '2030-01-02 03:04:05' END",
        write=_if_there(_WRITTEN),
        verify_sql="({c} IS NOT NULL) = ({a} IS NOT NULL)",
        verify=lambda source, value: (source is not None) == (value is not None),
    ),
    AddedKind(
        type="bigint",
        source="f",
        values=(1, 5),
        fill_sql="{f}::bigint * 2",
        fill=lambda source: int(str(source)) * 2,
    ),
    AddedKind(
        type="integer",
        source="n",
        values=(3,),
        fill_sql="length({n})",
        fill=lambda source: None if source is None else len(str(source)),
        verify_sql="{a} IS NOT DISTINCT FROM length({n})",
        verify=lambda source, value: value == (None if source is None else len(str(source))),
    ),
    AddedKind(
        type="text",
        source="n",
        values=WORDS,
        write_sql="coalesce({n}, '-')",
        write=lambda source: "-" if source is None else source,
    ),
    AddedKind(type="numeric(4,1)", source="", values=(Decimal("1.5"), Decimal("0.1"))),
)
