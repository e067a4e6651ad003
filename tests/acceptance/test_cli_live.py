"""A run while it works: the picture on a terminal, and the figures of `status` meanwhile."""

import os
import signal
import subprocess
import threading
import time
from datetime import datetime
from pathlib import Path

from pgtide.operate.status import MigrationStatus
from tests.command import EMAIL, EMAIL_FILE, PATIENCE, PGTIDE, Workplace
from tests.prefect_server import prefect_api_url
from tests.users import create_users

ROWS = 60_000


class Terminal:
    """A terminal that a command writes its progress to; all that it got is kept."""

    def __init__(self) -> None:
        self._near, self.far = os.openpty()
        self._got = bytearray()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def got(self) -> str:
        return self._got.decode(errors="replace")

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while text not in self.got:
            assert time.monotonic() < deadline, self.got
            time.sleep(0.02)

    def close(self) -> None:
        """Close it once the command has ended, and read what is left."""
        os.close(self.far)
        self._reader.join()
        os.close(self._near)

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._near, 65_536)
            except OSError:
                # What Linux says at the end of a terminal.
                return
            if not data:
                return
            self._got += data


def far_enough(found: MigrationStatus) -> bool:
    begun = found.state == "backfilling" and (found.percent or 0) >= 3
    # The first figure of how fast it goes takes a moment to be written down.
    return begun and found.rows_per_second is not None


def test_a_terminal_shows_the_bar_and_status_the_figures_while_rows_are_filled(
    tmp_path: Path, database: str
) -> None:
    create_users(database, rows=ROWS)
    # Batches of a millisecond and mostly at rest, so that it lasts long enough to be looked at.
    slow = {
        "PREFECT_API_URL": prefect_api_url(),
        "PGTIDE_BATCH_MS": "1",
        "PGTIDE_DUTY": "0.05",
        "TERM": "xterm-256color",
    }
    place = Workplace(folder=tmp_path, url=database, extra=slow)
    (place.migrations / EMAIL_FILE).write_text(EMAIL, encoding="utf-8")
    # The first command of a test run takes seconds, and the next is to be quick.
    assert place.status()["state"] == "planned"
    terminal = Terminal()
    with subprocess.Popen(
        [PGTIDE, "up"],
        cwd=place.folder,
        env=place.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=terminal.far,
        text=True,
    ) as working:
        place.wait_for(far_enough)
        seen = place.status()
        # The picture is drawn anew a few times a second.
        terminal.wait_for("rows/s")
        # All was seen; the rest would take its time.
        working.send_signal(signal.SIGINT)
        working.communicate(timeout=120)
    terminal.close()
    assert working.returncode == 130, terminal.got
    assert "interrupted" in terminal.got
    figures_are_of_a_run_at_work(seen)
    picture_was_drawn(terminal.got)


def figures_are_of_a_run_at_work(seen: dict[str, object]) -> None:
    assert seen["state"] == "backfilling", seen
    assert 3 <= float(str(seen["percent"])) <= 99
    assert 0 < int(str(seen["rows_done"])) < ROWS * 1.2
    assert float(str(seen["rows_per_second"])) > 10
    low, high = (datetime.fromisoformat(str(seen[name])) for name in ("eta_low", "eta_high"))
    assert low <= high
    assert (high - datetime.now(low.tzinfo)).total_seconds() < 3600


def picture_was_drawn(got: str) -> None:
    # The bar, the figures beside it, the mark of what is done; and drawn again in one place.
    assert "━" in got
    assert "rows/s" in got
    assert "✓" in got
    for phase in ("expand", "backfill", "finalize", "verify"):
        assert phase in got
    assert "\x1b[1A" in got
    # The plain lines are for those who read a log.
    assert "backfill begins" not in got
