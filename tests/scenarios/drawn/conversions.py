"""What storing a value in a column of another type makes of it, said in Python."""

import struct
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal

from tests.scenarios.sync_model import Row

# A value and the row's factor; NULL never comes here, it stays what it is.
Convert = Callable[[object, int], object]


class Unrepresentable(Exception):
    """The other column has no value that says this one: the write must fail."""


def alike(value: object, factor: int) -> object:
    del factor
    return value


def narrow(low: int, high: int) -> Convert:
    def convert(value: object, factor: int) -> object:
        del factor
        if not (isinstance(value, int) and low <= value <= high):
            raise Unrepresentable
        return value

    return convert


def short(length: int) -> Convert:
    def convert(value: object, factor: int) -> object:
        del factor
        text = str(value)
        # Too many spaces at the end are cut, by the SQL standard; anything else is refused.
        if text[length:].strip(" "):
            raise Unrepresentable
        return text[:length]

    return convert


def numeric(precision: int, scale: int) -> Convert:
    def convert(value: object, factor: int) -> object:
        del factor
        rounded = Decimal(str(value)).quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP)
        if abs(rounded) >= Decimal(10) ** (precision - scale):
            raise Unrepresentable
        return rounded

    return convert


def integer(value: object, factor: int) -> object:
    del factor
    try:
        number = int(str(value))
    except ValueError as error:
        raise Unrepresentable from error
    return number


def single(value: object, factor: int) -> object:
    del factor
    packed = struct.pack("f", value)
    texts = (float(f"{value:.{digits}g}") for digits in range(1, 10))
    return next(text for text in texts if struct.pack("f", text) == packed)


def with_null(convert: Convert, value: object, row: Row, factor: str) -> object:
    """Convert a value of a row; NULL stays NULL."""
    return None if value is None else convert(value, int(str(row[factor])))
