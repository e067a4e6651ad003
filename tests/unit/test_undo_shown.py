"""An undo is shown as its author wrote it."""

from pgtide.model.statement import PATH, shown

BODY = f"CREATE OR REPLACE FUNCTION f() ... $$\nBEGIN\n{PATH}app;\nEND\n$$"


def test_the_path_ahead_is_left_out_and_one_in_a_body_is_not() -> None:
    assert shown(f"{PATH}public, pg_temp;\n{BODY}") == BODY
    assert shown(BODY) == BODY
