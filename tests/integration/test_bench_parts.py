"""What the bench is made of: its tables, the snapshot that it keeps, a setting that it changes."""

from collections.abc import Iterator

import pytest

from tests.bench.backfill import Race, Tries
from tests.bench.contenders import ONE_UPDATE
from tests.bench.dataset import SETTINGS, Dataset
from tests.bench.horizon import HOLDER, Pinned
from tests.bench.machine import full_pages, without_full_pages
from tests.bench.tables import OTHERS, STRATEGY, TABLES
from tests.server import running_server
from tests.small_table import run


@pytest.fixture(scope="module")
def data() -> Iterator[Dataset]:
    with running_server(SETTINGS) as server:
        yield Dataset(server)


@pytest.mark.parametrize("name", [one.name for one in OTHERS])
def test_one_update_fills_each_table(data: Dataset, name: str) -> None:
    tries = Tries(data, Race(table=TABLES[name], rows=500, contenders=(ONE_UPDATE,)))
    tries.try_alone(ONE_UPDATE)
    [figures] = tries.compared().figures
    assert figures.table_bytes_after >= figures.table_bytes_minimal > 0


def test_the_wide_rows_are_out_of_line_and_the_others_are_not(data: Dataset) -> None:
    for name, outside in (("toasted", True), ("strategy", False)):
        with data.copy(data.table(TABLES[name], 500)) as url:
            [(toast,)] = run(
                url,
                "SELECT pg_table_size(oid) - pg_relation_size(oid) > 1000000"
                " FROM pg_class WHERE oid = 'public.users'::regclass",
            )
        assert toast is outside


def test_the_holder_keeps_old_versions_and_is_found_only_where_the_audit_names_it(
    data: Dataset,
) -> None:
    pinned = Pinned()
    note = "INSERT INTO pgtide.event (actor, kind, detail) VALUES ('a', 'k', '{detail}')"
    with (
        data.copy(data.table(STRATEGY, 500)) as url,
        ONE_UPDATE.ready(url, STRATEGY),
    ):
        for said in ("{}", f'{{"why": "held by {HOLDER}"}}'):
            with pinned(url, ONE_UPDATE):
                [(holds,)] = run(
                    url,
                    "SELECT bool_or(backend_xmin IS NOT NULL) FROM pg_stat_activity"
                    f" WHERE application_name = '{HOLDER}'",
                )
                assert holds is True
                run(url, note.format(detail=said))
    assert pinned.named == {ONE_UPDATE.name: [False, True]}


def test_images_of_whole_pages_stay_out_of_the_log_for_one_comparison(data: Dataset) -> None:
    assert full_pages(data.url)
    with without_full_pages(data.url):
        assert not full_pages(data.url)
    assert full_pages(data.url)
