"""docs/runbook.md has an entry for whatever can wake a person, and for nothing that cannot.

Held against the code: each state, signal, wait, gate, exit code and error code. Its SQL is tried on
a server in tests/integration/test_runbook_sql.py.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from typing import Final

import pytest

from pgtide.backfill.throttle.chosen import chosen
from pgtide.model.gate import Gate
from pgtide.model.state import State
from pgtide.model.throttle import LOCKS, Throttle
from pgtide.notify.notice import Kind
from pgtide.operate.waiting import Wait
from tests.architecture.sources import PACKAGES, ROOT, python_files
from tests.typed_commands import in_text, mistake

PAGE: Final = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
PARTS: Final = ("Means", "Data", "Do", "Wake")
# A switch for each signal that is off unless a migration names it.
ALL_ON: Final = Throttle(wal_rate="40MB", active_sessions=1, disk_limit="1GB")


def entries(page: str) -> dict[str, dict[str, str]]:
    """Return the text of each entry under its section and its name."""
    found: dict[str, dict[str, str]] = {}
    for section in re.split(r"^## ", page, flags=re.MULTILINE)[1:]:
        title, *rest = re.split(r"^### ", section, flags=re.MULTILINE)
        parts = [one.partition("\n") for one in rest]
        found[title.partition("\n")[0]] = {name: text for name, _, text in parts}
    return found


def errors(source: str) -> Iterator[tuple[str, object]]:
    """Give each `code` and `exit_code` that a class of a source sets; of a document, its code."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef):
            for line in node.body:
                yield from _set(line)
        if isinstance(node, ast.Dict):
            keys = [key.value for key in node.keys if isinstance(key, ast.Constant)]
            pairs = zip(node.keys, node.values, strict=True)
            literal = [v.value for k, v in pairs if _is(k, "code") and isinstance(v, ast.Constant)]
            if "remedy" in keys:
                yield from (("code", one) for one in literal)


def _set(line: ast.stmt) -> Iterator[tuple[str, object]]:
    targets = line.targets if isinstance(line, ast.Assign) else []
    if isinstance(line, ast.AnnAssign):
        targets = [line.target]
    value = line.value if isinstance(line, ast.Assign | ast.AnnAssign) else None
    for target in targets:
        named = isinstance(target, ast.Name) and target.id in {"code", "exit_code"}
        if named and isinstance(value, ast.Constant):
            yield ast.unparse(target), value.value


def _is(node: ast.expr | None, text: str) -> bool:
    return isinstance(node, ast.Constant) and node.value == text


@cache
def in_code() -> set[tuple[str, object]]:
    return {
        one
        for path in python_files()
        if path.relative_to(ROOT).parts[0] in PACKAGES
        for one in errors(path.read_text(encoding="utf-8"))
    }


def signals() -> set[str]:
    # `hold_while` is the author's own, under names of their choice.
    watched = {one.name for one in chosen(ALL_ON, table="public.users")}
    return watched | {LOCKS, "hold_while"}


def waits() -> set[str]:
    """Return the kinds of waits as their class tells them, which docs/status-json.md follows."""
    (listed,) = re.findall(r"`kind` is (.*?)\.", Wait.__doc__ or "", re.DOTALL)
    return set(re.findall(r"`(\w+)`", listed))


def wanted() -> dict[str, set[str]]:
    found = in_code()
    return {
        "States": {str(one) for one in State},
        "What holds the backfill": signals(),
        "What it waits for": waits(),
        "Gates": {str(one) for one in Gate},
        "Exit codes": {"0", *(str(one) for kind, one in found if kind == "exit_code")},
        "Error codes": {str(one) for kind, one in found if kind == "code"},
    }


@pytest.mark.parametrize("section", wanted())
def test_the_page_has_an_entry_for_each_and_none_left_over(section: str) -> None:
    assert set(entries(PAGE)[section]) == wanted()[section]


def test_there_are_as_many_as_a_person_would_count() -> None:
    """So that nothing empties a list in silence."""
    assert len(wanted()["States"]) == 20
    assert len(wanted()["Gates"]) == 3
    assert wanted()["Exit codes"] == {"0", "1", "2", "3", "4", "130"}
    assert {"usage", "quarantined", "lock_not_acquired"} <= wanted()["Error codes"]
    assert {"vacuum", "archiver", "replica_gone", "disk_limit"} <= signals()
    assert {"hold", "gate", "window"} <= waits()


def test_no_section_has_entries_that_nothing_stands_for() -> None:
    assert [one for one, names in entries(PAGE).items() if names and one not in wanted()] == []


def test_each_entry_says_what_it_means_what_is_at_risk_what_to_do_and_whom_to_wake() -> None:
    assert unfinished(PAGE) == []


def unfinished(page: str) -> list[str]:
    return [
        f"{section}: {name}"
        for section, names in entries(page).items()
        for name, text in names.items()
        if re.findall(r"\*\*(Means|Data|Do|Wake)\*\*\s\S", text) != list(PARTS)
    ]


def test_each_message_is_in_the_list_that_leads_on() -> None:
    section = PAGE.partition("## From a message")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", section, re.MULTILINE)
    named = [one for row in rows for one in re.findall(r"`(\w+)`", row)]
    assert sorted(named) == sorted(Kind)


def test_every_link_leads_to_a_heading_or_a_file() -> None:
    headings = re.findall(r"^#+ (.*)$", PAGE, re.MULTILINE)
    anchors = {re.sub(r"[^\w-]", "", one.lower().replace(" ", "-")) for one in headings}
    targets = re.findall(r"\]\(([^)]+)\)", PAGE)
    assert len(targets) > 20
    wrong = [
        one
        for one in targets
        if (one[1:] not in anchors if one.startswith("#") else not (ROOT / "docs" / one).is_file())
    ]
    assert wrong == []


def test_every_command_of_the_page_can_be_typed() -> None:
    typed = list(in_text(PAGE))
    assert len(typed) > 60
    assert [wrong for one in typed if (wrong := mistake(one))] == []
    # One that goes on in the next line would not be found.
    assert [line for line in PAGE.splitlines() if line.count("`") % 2 and "```" not in line] == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("### rolled_back\n", "### undone\n"),
        ("### vacuum\n", "### vaccum\n"),
        ("### reads_switched\n", "### reads\n"),
        ("### 130\n", "### 129\n"),
        ("### too_many_failing_rows\n", "### too_many\n"),
    ],
)
def test_an_entry_that_is_missing_would_be_seen(before: str, after: str) -> None:
    page = PAGE.replace(before, after)
    assert page != PAGE
    assert [one for one, names in wanted().items() if set(entries(page)[one]) != names] != []


def test_an_entry_without_its_four_parts_would_be_seen() -> None:
    assert len(unfinished(PAGE.replace("**Wake**", "**Call**", 1))) == 1


@pytest.mark.parametrize(
    "typed",
    [
        "pgtide undo ID",
        "pgtide down ID --to verifyed",
        "pgtide up ID --workers 2",
        "pgtide approve ID contrat --reason TEXT",
        "pgtide contract ID --now",
        "PGTIDE_X=1 pgtide resume",
        "pgtide postgres begin",
    ],
)
def test_a_command_that_cannot_be_typed_would_be_seen(typed: str) -> None:
    (found,) = in_text(f"type `{typed}` now")
    assert (mistake(found) is None) is (typed == "PGTIDE_X=1 pgtide resume")


def test_a_code_that_is_new_would_be_seen() -> None:
    source = "class A(Failed):\n    code = 'new'\n    exit_code: ClassVar[int] = 9\n"
    assert set(errors(source)) == {("code", "new"), ("exit_code", 9)}
    assert list(errors("x = {'code': 'usage', 'remedy': ''}\ny = {'code': 'no'}")) == [
        ("code", "usage")
    ]
