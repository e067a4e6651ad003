"""Any text may stand in a cell or in a block of code."""

from pgtide.report.markdown import code, table


def test_a_bar_or_a_line_break_does_not_break_a_table() -> None:
    assert table(("a", "b"), [("x|y", "1\n2"), ("\\", "")]) == (
        "| a | b |\n| --- | --- |\n| x\\|y | 1<br>2 |\n| \\\\ |  |"
    )


def test_a_fence_is_longer_than_any_in_the_text() -> None:
    assert code("SELECT '```'") == "````sql\nSELECT '```'\n````"
