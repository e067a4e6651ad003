"""docs/strategy.md says what became of each line of the strategy, and keeps saying the truth.

The strategy is not in this repository. Its lines were counted by hand once, from top to bottom:
36 headings; 41 list items (principles 4 + 4 + 4, checklist 6 + 5 + 6, practices 6 + 6); 16 code
blocks. A line that begins with `#` inside of a code block is a comment there, and no heading.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

import pytest
from typer.main import get_command

import pgtide
from cli.main import app
from tests.architecture.sources import ROOT
from tests.strategy.interleaving import HERE

PAGE: Final = (ROOT / "docs" / "strategy.md").read_text(encoding="utf-8")
STRATEGY: Final = ROOT.parent / "shared" / "reference" / "strategy.md"
COUNTS: Final = {"h": 36, "i": 41, "c": 16}
# As they follow each other, by the sections of the page.
ORDER: Final = (
    *("hhhhiiiihiiiihiiii"),
    *("hhhchchchchc"),
    *("hhchchc"),
    *("hhchc"),
    *("hhchc"),
    *("hhchc"),
    *("hhchc"),
    *("hhiiiiiihiiiiihiiiiii"),
    *("hhiiiiiihiiiiii"),
)
TOP: Final = "cli|demo|deployments|docs|flows|migrations|pgtide|tasks|tests"
A_PATH: Final = re.compile(rf"`((?:(?:{TOP}|\.ci)/[\w./-]*)|Makefile|\w+\.(?:md|txt|toml))[`:]")
A_TEST: Final = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
A_COMMAND: Final = re.compile(r"`pgtide ([a-z]+)")
UNBUILT: Final = re.compile(r"not yet: (\*[^*]+\*(?:, \*[^*]+\*)*)")


def lines_of(strategy: str) -> Iterator[tuple[str, str]]:
    """Give each heading, list item and code block with its kind and its text."""
    block: list[str] | None = None
    for line in strategy.splitlines():
        if line.startswith("```"):
            if block is not None:
                yield "c", "\n".join(block)
            block = [] if block is None else None
        elif block is not None:
            block.append(line)
        elif re.match(r"#{1,6} ", line):
            yield "h", line
        elif line.startswith("- "):
            yield "i", line


def rows_of(page: str) -> list[tuple[str, int, str]]:
    """Return kind, number and quoted fragment of each line of the tables."""
    found = re.findall(r"^\| ([hic])(\d+) \| `([^`|]+)` \| [^|]+ \|$", page, re.MULTILINE)
    return [(kind, int(number), fragment) for kind, number, fragment in found]


def mistakes_of(page: str) -> list[tuple[int, str]]:
    """Return number and text of each mistake."""
    _, _, second = page.partition("# The strategy's mistakes")
    found = re.split(r"^(\d+)\. ", second, flags=re.MULTILINE)
    return [(int(n), text) for n, text in zip(found[1::2], found[2::2], strict=True)]


def strategy_or_skip() -> str:
    if not STRATEGY.exists():
        pytest.skip(f"the strategy itself is not here ({STRATEGY}): the page was NOT compared")
    return STRATEGY.read_text(encoding="utf-8")


def test_the_page_has_one_line_for_each_of_the_strategys_in_its_order() -> None:
    rows = rows_of(PAGE)
    assert Counter(kind for kind, _, _ in rows) == COUNTS
    assert tuple(kind for kind, _, _ in rows) == ORDER
    for kind, count in COUNTS.items():
        assert [n for one, n, _ in rows if one == kind] == list(range(1, count + 1))


def test_each_line_quotes_its_own_line_of_the_strategy() -> None:
    lines = list(lines_of(strategy_or_skip()))
    assert tuple(kind for kind, _ in lines) == ORDER
    strays = [
        f"{kind}{number}: {fragment}"
        for (kind, number, fragment), (_, text) in zip(rows_of(PAGE), lines, strict=True)
        if fragment not in text
    ]
    assert strays == []


def test_what_the_tests_quote_is_the_strategys_own_text() -> None:
    text = strategy_or_skip()
    quoted = [f for f in HERE.iterdir() if f.suffix in {".sql", ".sh"} and "trap" not in f.name]
    assert len(quoted) >= 7
    assert [f.name for f in quoted if f.read_text(encoding="utf-8") not in text] == []


def test_a_comment_inside_of_a_code_block_is_no_heading() -> None:
    text = "# one\n- item\n```bash\n# no heading\n- no item\n```\n## two\n  - nested\n#no\n"
    assert [kind for kind, _ in lines_of(text)] == ["h", "i", "c", "h"]


def test_a_line_that_is_missing_from_the_page_would_be_seen() -> None:
    [line] = re.findall(r"^\| i17 .*\n", PAGE, re.MULTILINE)
    assert [row[:2] for row in rows_of(PAGE) if row not in rows_of(PAGE.replace(line, ""))] == [
        ("i", 17)
    ]


def test_every_path_that_the_page_names_is_there() -> None:
    paths = set(A_PATH.findall(PAGE))
    assert {"Makefile", "README.md", "cli/down.py", "tests/strategy/"} <= paths
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []


def test_every_test_that_the_page_names_is_there() -> None:
    named = A_TEST.findall(PAGE)
    assert len(named) == PAGE.count("::")
    missing = [
        f"{path}::{name}"
        for path, name in named
        if f"\ndef {name}(" not in (ROOT / path).read_text(encoding="utf-8")
    ]
    assert missing == []


def commands() -> set[str]:
    return set(getattr(get_command(app), "commands", {}))


def test_every_command_that_the_page_names_is_there() -> None:
    named = set(A_COMMAND.findall(PAGE))
    assert {"plan", "up", "down"} <= named
    assert named - commands() == set()


def test_every_mistake_says_what_pgtide_does_instead_and_what_shows_it() -> None:
    mistakes = mistakes_of(PAGE)
    assert [number for number, _ in mistakes] == list(range(1, len(mistakes) + 1))
    assert [n for n, text in mistakes if text.count("*Instead:*") != 1] == []
    silent = [n for n, text in mistakes if "Argued" not in text and "*Shown by* `" not in text]
    assert silent == []
    referred = re.findall(r"mistakes? ([\d, to]+)", PAGE)
    numbers = {int(n) for group in referred for n in re.findall(r"\d+", group)}
    assert numbers <= {number for number, _ in mistakes}


def _command(name: str) -> Callable[[], bool]:
    return lambda: name in commands()


def _in_sql(text: str) -> bool:
    return any(text in f.read_text(encoding="utf-8") for f in (ROOT / "pgtide/sql").glob("*.sql"))


# What the page may call "not yet", and how one would see that it was built.
BUILT: Final[dict[str, Callable[[], bool]]] = {
    "gates": _command("approve"),
    "contract": _command("contract"),
    "purge": _command("purge"),
    "throttle": _command("throttle"),
    "metrics and alert rules": _command("metrics"),
    "safe_rollback_migration": lambda: _in_sql("FUNCTION {log}.safe_rollback_migration"),
    "performance checks": lambda: hasattr(pgtide, "Performance"),
    "windows": lambda: hasattr(pgtide, "Window"),
    "Slack alerts": (ROOT / "pgtide" / "notify").is_dir,
    "deployment files": (ROOT / "deployments" / "Containerfile").is_file,
    "CI workflow": (ROOT / "deployments" / "github").is_dir,
}


def unbuilt() -> set[str]:
    return {one for group in UNBUILT.findall(PAGE) for one in re.findall(r"\*([^*]+)\*", group)}


def test_what_the_page_calls_not_yet_is_not_there() -> None:
    """Failing here means good news: give these lines the file, command or test that does it."""
    assert PAGE.count("not yet:") == len(UNBUILT.findall(PAGE))
    assert unbuilt() <= set(BUILT)
    assert [one for one in sorted(unbuilt()) if BUILT[one]()] == []


def test_what_is_there_would_be_seen() -> None:
    assert _command("down")()
    assert _in_sql("FUNCTION {log}.log_migration_start")
