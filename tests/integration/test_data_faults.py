"""Which of a real server's errors are a row's own, and what is said of them."""

import psycopg
import pytest

from pgtide.errors import ConnectionLost, StatementFailed
from pgtide.postgres.faults import DataFault, Transient, translate

SECRET = "anne@example.org"
MADE = f"""
CREATE TABLE t (id int PRIMARY KEY, a int CHECK (a > 0), b varchar(3) UNIQUE, d date);
INSERT INTO t VALUES (1, 1, 'abc');
CREATE FUNCTION raising(code text) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'no % please', '{SECRET}' USING ERRCODE = code, DETAIL = '{SECRET}';
END $$;
CREATE FUNCTION "Odd ""name"(code text) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '{SECRET}' USING ERRCODE = code;
END $$;
"""
# By statement: its SQLSTATE, and a part of what is said.
DATA = {
    f"SELECT '{SECRET}'::int": ("22P02", "invalid input syntax for type integer"),
    "SELECT '70000'::smallint": ("22003", "is out of range for type smallint"),
    f"SELECT '{SECRET}'::date": ("22007", "invalid input syntax for type date"),
    f"SELECT to_date('{SECRET}', 'YYYY')": ("22007", "invalid value (withheld)"),
    f"SELECT '{{{SECRET}'::int[]": ("22P02", "malformed array literal"),
    "SELECT 1 / 0": ("22012", "division by zero"),
    "SELECT convert_from('\\xff', 'UTF8')": ("22021", "invalid byte sequence"),
    f"INSERT INTO t VALUES (2, 1, '{SECRET}')": ("22001", "value too long"),
    "INSERT INTO t VALUES (2, -70000)": ("23514", "t_a_check"),
    "INSERT INTO t VALUES (2, 1, 'abc')": ("23505", "t_b_key"),
    "INSERT INTO t VALUES (NULL)": ("23502", 'null value in column "id"'),
    "SELECT raising('P0001')": ("P0001", "raised by the function raising"),
    "SELECT raising('23514')": ("23514", "raised by the function raising"),
    "SELECT raising('22000')": ("22000", "raised by the function raising"),
    "SELECT raising('ZX001')": ("ZX001", "raised by the function raising"),
    "SELECT raising('45000')": ("45000", "raised by the function raising"),
    """SELECT "Odd ""name"('P0001')""": ("P0001", 'the function "Odd ""name"'),
    f"DO $$ BEGIN ASSERT false, '{SECRET}'; END $$": ("P0004", "raised by the function"),
    f"DO $$ BEGIN PERFORM '{SECRET}'::int; END $$": ("22P02", "type integer"),
}
OTHERS = {
    "SELECT nothing": "42703",
    "SELECT 1 FROM nowhere": "42P01",
    "SELECT raising('40001')": "40001",
    "SELECT raising('55P03')": "55P03",
    "SELECT raising('57014')": "57014",
    "SELECT raising('53100')": "53100",
    "SELECT raising('XX001')": "XX001",
    "SELECT raising('42501')": "42501",
    "SELECT raising('08006')": "",
}


def failing(url: str, statement: str) -> ConnectionLost | StatementFailed:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(MADE.encode())
        try:
            connection.execute(statement.encode())
        except psycopg.Error as error:
            return translate(error, "testing")
    raise AssertionError("it did not fail")


@pytest.mark.parametrize("statement", DATA)
def test_a_rows_own_fault_is_told_without_its_values(database: str, statement: str) -> None:
    error = failing(database, statement)
    assert isinstance(error, DataFault), repr(error)
    sqlstate, said = DATA[statement]
    assert error.sqlstate == sqlstate
    assert said in error.reason
    assert "anne" not in error.reason
    assert "70000" not in error.reason


@pytest.mark.parametrize("statement", OTHERS)
def test_any_other_fault_is_no_rows(database: str, statement: str) -> None:
    error = failing(database, statement)
    assert not isinstance(error, DataFault)
    if isinstance(error, StatementFailed):
        assert error.sqlstate == OTHERS[statement]
    assert isinstance(error, Transient) == (OTHERS[statement] in {"40001", "55P03"})
