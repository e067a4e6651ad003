"""Migration files are read, never run."""

from pathlib import Path

from pgtide.operate.declared import Declaration, declarations

WRITTEN = 'raise SystemExit\nMigration(version="1.2.3", description="Words", table=name)\n'


def test_version_and_description_are_read_where_they_are_plain_text(tmp_path: Path) -> None:
    (tmp_path / "20250101_000000_a.py").write_text(WRITTEN, encoding="utf-8")
    (tmp_path / "20250102_000000_b.py").write_text("Migration(version=V)\n", encoding="utf-8")
    (tmp_path / "20250103_000000_c.py").write_text("no python (\n", encoding="utf-8")
    (tmp_path / "20250104_000000_d.py").mkdir()
    (tmp_path / "_shared.py").write_text(WRITTEN, encoding="utf-8")
    assert declarations(tmp_path) == [
        Declaration(id="20250101_000000_a", version="1.2.3", description="Words"),
        Declaration(id="20250102_000000_b", version=None, description=None),
        Declaration(id="20250103_000000_c", version=None, description=None),
        Declaration(id="20250104_000000_d", version=None, description=None),
    ]


def test_a_folder_that_is_missing_holds_none(tmp_path: Path) -> None:
    assert declarations(tmp_path / "nowhere") == []
