"""What `create` writes is Python, named in ASCII, with the next free version."""

import ast
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as some

from cli.create import content, next_version, qualified, slug, stem
from pgtide.errors import Refused
from pgtide.model.migration import ID

AT = datetime(2025, 12, 31, 23, 59, 1, tzinfo=UTC)


@given(some.text(alphabet=some.characters(exclude_categories=["C"])))
def test_every_text_gives_an_id_and_a_file_that_says_it(text: str) -> None:
    assert ID.fullmatch(stem(text, AT))
    written = content(text, "public.users", "1.2.0")
    values = {
        node.arg: node.value.value
        for node in ast.walk(ast.parse(written))
        if isinstance(node, ast.keyword) and isinstance(node.value, ast.Constant)
    }
    assert values["description"] == " ".join(text.split())
    assert values["contract_release"] == "1.3.0"


def test_what_cannot_be_printed_is_left_out() -> None:
    written = content("a\x00b\x1b[31m\nc\udcff", "public.users", "1.2.0")
    assert 'description="ab[31m c"' in written


def test_a_stem_is_time_and_ascii_words() -> None:
    assert stem("Añadir Teléfono!", AT) == "20251231_235901_anadir_telefono"
    assert stem("по-русски", AT) == "20251231_235901_migration"
    assert len(slug("word " * 40)) <= 50


@pytest.mark.parametrize(
    ("taken", "expected"),
    [([], "1.0.0"), ([None, "no"], "1.0.0"), (["1.9.3", "1.10.0", None], "1.11.0")],
)
def test_the_next_version_is_a_minor_step_above_the_highest(
    taken: list[str | None], expected: str
) -> None:
    assert next_version(taken) == expected


def test_a_table_without_a_schema_is_in_public() -> None:
    assert qualified("users") == "public.users"
    assert qualified('app."a.b"') == 'app."a.b"'
    with pytest.raises(Refused):
        qualified("a.b.c")
