"""The environment is read in one place, pgtide/settings.py; everything else is handed Settings."""

import ast

from tests.architecture.sources import ROOT, python_files

ALLOWED = "pgtide/settings.py"
DOORS = frozenset({"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"})


def readers(source: str) -> list[str]:
    return [
        f"{node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(ast.parse(source))
        if (isinstance(node, ast.Attribute) and reads_attribute(node))
        or (isinstance(node, ast.ImportFrom) and imports_a_door(node))
    ]


def reads_attribute(node: ast.Attribute) -> bool:
    return node.attr in DOORS and isinstance(node.value, ast.Name) and node.value.id == "os"


def imports_a_door(node: ast.ImportFrom) -> bool:
    return node.module == "os" and any(alias.name in DOORS for alias in node.names)


def test_only_settings_reads_the_environment() -> None:
    offenders = [
        f"{path.relative_to(ROOT)}:{reader}"
        for path in python_files()
        if path.relative_to(ROOT).parts[0] != "tests" and path != ROOT / ALLOWED
        for reader in readers(path.read_text(encoding="utf-8"))
    ]
    assert not offenders, "\n".join(offenders)


def test_every_way_to_read_the_environment_is_found() -> None:
    source = (
        "import os\nfrom os import environ\n"
        "a = os.environ['A']\nb = os.getenv('B')\nc = os.path.join('c')\n"
    )
    found = [
        "2: from os import environ",
        "3: os.environ",
        "4: os.getenv",
    ]
    assert sorted(readers(source)) == found
