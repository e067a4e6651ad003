import re
from pathlib import Path

from pgtide.model.state import TRANSITIONS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")


def drawn_edges(page: str) -> set[tuple[str, str]]:
    """Return the edges of the state diagram, whose lines draw several at a time."""
    lines = re.findall(r"^ +(\w+) --> ([\w &]+)$", page, re.MULTILINE)
    return {(seen, to) for seen, row in lines for to in row.split(" & ")}


def test_the_page_draws_the_states_as_the_code_has_them() -> None:
    edges = {(str(seen), str(to)) for seen, row in TRANSITIONS.items() for to in row}

    assert drawn_edges(PAGE) == edges


def test_an_edge_that_is_missing_from_the_page_would_be_seen() -> None:
    without = PAGE.replace("    backed_up --> expanding & ", "    backed_up --> ")

    assert drawn_edges(without) == drawn_edges(PAGE) - {("backed_up", "expanding")}


def test_every_folder_that_the_page_names_is_there() -> None:
    block = PAGE.split("## Layers")[1].split("```")[1]
    names = [line.split()[0] for line in block.strip().splitlines()]
    inside = [
        f"pgtide/{n}" if line.startswith("  ") else n
        for n, line in zip(names, block.strip().splitlines(), strict=True)
    ]

    missing = [n for n in inside if n.endswith("/") and not (ROOT / n).is_dir()]

    assert not missing


def test_the_page_stays_short_enough_to_be_read() -> None:
    assert len(PAGE.splitlines()) < 150
