"""A migration that fails on a row: exit code 1, the reason, and on once the row is mended."""

from pathlib import Path

from pgtide import Migration, ReplaceColumn
from tests.command import Workplace
from tests.prefect_server import prefect_api_url
from tests.small_table import SMALL_ID, run, small_migration

FILE = '''"""Words become numbers."""

from flows import migration_flow
from tests.acceptance.test_cli_failed import casting

migration = casting()
flow = migration_flow(migration)
'''


def casting() -> Migration:
    """Return a migration that casts words to numbers."""
    return small_migration(ReplaceColumn("a", type="int", up="a::int", down="a::text"))


def test_a_row_that_cannot_be_cast_ends_up_with_1_and_goes_on_once_it_is_mended(
    tmp_path: Path, database: str
) -> None:
    run(
        database,
        "CREATE TABLE public.t (id int PRIMARY KEY, a text)",
        "INSERT INTO public.t SELECT g, g::text FROM generate_series(1, 300) g",
        "UPDATE public.t SET a = 'seven' WHERE id = 7",
    )
    place = Workplace(folder=tmp_path, url=database, extra={"PREFECT_API_URL": prefect_api_url()})
    (place.migrations / f"{SMALL_ID}.py").write_text(FILE, encoding="utf-8")
    failed = place.run("up")
    assert failed.returncode == 1, failed.stderr
    assert "Traceback" not in failed.stderr
    found = place.status()
    assert found["state"] == "failed"
    assert "invalid input syntax" in found["last_error"]
    run(database, "UPDATE public.t SET a = '7' WHERE id = 7")
    assert place.json("up")["migrations"][0]["state"] == "verified"
