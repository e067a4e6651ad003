"""The strategy's table with a trigger of the application's that dates each update."""

from dataclasses import replace
from typing import Final

from tests.bench.tables.strategy import RELATION, create
from tests.bench.tables.strategy import TABLE as STRATEGY
from tests.small_table import run

_FUNCTION: Final = """
CREATE FUNCTION public.touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    new.updated_at := now();
    RETURN new;
END
$$
"""
_TRIGGER: Final = (
    f"CREATE TRIGGER touch BEFORE UPDATE ON {RELATION} FOR EACH ROW EXECUTE FUNCTION public.touch()"
)


def dated(url: str, rows: int) -> None:
    """Create and fill it."""
    create(url, rows)
    run(url, _FUNCTION, _TRIGGER)


TABLE: Final = replace(STRATEGY, name="application_trigger", create=dated)
