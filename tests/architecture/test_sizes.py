"""Small functions, small files, few positional parameters, no notes to self."""

import ast
import re
from collections.abc import Iterator

from tests.architecture.sources import ROOT, python_files, texts

FUNCTION_LINES = 40
FILE_LINES = 300
POSITIONAL = 4
# Spelled with brackets so that this file does not find itself.
NOTE_TO_SELF = re.compile(r"\b(?:TOD[O]|FIXM[E]|XX[X])\b")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(source: str) -> Iterator[Function]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, Function):
            yield node


def long_functions(source: str) -> list[str]:
    return [
        f"{node.lineno}: {node.name} has {lines} lines, at most {FUNCTION_LINES}"
        for node in functions(source)
        if (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES
    ]


def crowded_functions(source: str) -> list[str]:
    return [
        f"{node.lineno}: {node.name} takes {count} positional parameters, at most {POSITIONAL}"
        for node in functions(source)
        if (count := positional(node)) > POSITIONAL
    ]


def positional(node: Function) -> int:
    names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
    return len(names[1:] if names[:1] in (["self"], ["cls"]) else names)


def long_file(source: str) -> list[str]:
    lines = len(source.splitlines())
    return [f"{lines} lines, at most {FILE_LINES}"] if lines > FILE_LINES else []


def notes_to_self(text: str) -> list[str]:
    return [
        f"{number}: {line.strip()}"
        for number, line in enumerate(text.splitlines(), start=1)
        if NOTE_TO_SELF.search(line)
    ]


def test_no_function_is_longer_than_forty_lines() -> None:
    offenders = [
        f"{path.relative_to(ROOT)}:{offence}"
        for path in python_files()
        for offence in long_functions(path.read_text(encoding="utf-8"))
    ]
    assert not offenders, "\n".join(offenders)


def test_no_file_is_longer_than_three_hundred_lines() -> None:
    offenders = [
        f"{path.relative_to(ROOT)}: {offence}"
        for path in python_files()
        for offence in long_file(path.read_text(encoding="utf-8"))
    ]
    assert not offenders, "\n".join(offenders)


def test_no_function_outside_tests_takes_more_than_four_positional_parameters() -> None:
    offenders = [
        f"{path.relative_to(ROOT)}:{offence}"
        for path in python_files()
        if path.relative_to(ROOT).parts[0] != "tests"
        for offence in crowded_functions(path.read_text(encoding="utf-8"))
    ]
    assert not offenders, "\n".join(offenders)


def test_no_file_has_a_note_to_self() -> None:
    offenders = [f"{name}:{note}" for name, text in texts() for note in notes_to_self(text)]
    assert not offenders, "\n".join(offenders)


def test_a_function_of_forty_one_lines_is_found() -> None:
    source = "def fits():\n" + "    pass\n" * 39 + "async def grew():\n" + "    pass\n" * 40
    assert long_functions(source) == ["41: grew has 41 lines, at most 40"]


def test_a_file_of_three_hundred_and_one_lines_is_found() -> None:
    assert long_file("pass\n" * 300) == []
    assert long_file("pass\n" * 301) == ["301 lines, at most 300"]


def test_a_fifth_positional_parameter_is_found_and_self_does_not_count() -> None:
    source = (
        "class A:\n    def fits(self, a, b, c, d, *, e): ...\n"
        "def crowded(a, /, b, c, d, e=1): ...\n"
    )
    assert crowded_functions(source) == ["3: crowded takes 5 positional parameters, at most 4"]


def test_a_note_to_self_is_found_in_any_language() -> None:
    note = "TO" + "DO"
    assert notes_to_self(f"SELECT 1;\n-- {note}: later") == [f"2: -- {note}: later"]
    assert notes_to_self("-- nothing left to do, see XXXL") == []
