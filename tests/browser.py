"""Debian's Chromium, headless, for tests of what people see; it reaches this machine and no other.

Never a browser that somebody downloads: the driver's own are not installed.
"""

import io
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Error, Locator, Page, Route, sync_playwright

from pgtide.postgres.embedded.port import LOOPBACK

# Test output; the folder is nobody's but the tests'.
SHOTS: Final = Path(__file__).resolve().parents[1] / "build" / "screenshots"
# A page loads in two seconds, and in ten times that on a machine that is busy elsewhere.
PATIENCE: Final = 60.0
# What a page shows as grey boxes is on its way; a picture does not wait for it for ever.
_IS_THERE: Final = "!document.querySelector('[data-slot=skeleton]')"
_LOADS: Final = 10.0
# How long a run's tasks take to be drawn.
_DRAWS: Final = 0.4
# A run's page draws its tasks sixty times a second, which without a graphics card takes half a core
# from what the tests wait for.
_FEW_FRAMES: Final = """
const draw = window.requestAnimationFrame.bind(window);
window.requestAnimationFrame = frame =>
    window.drawsAll ? draw(frame) : setTimeout(() => draw(frame), 250);
"""
# Tall enough for the form of a gate, which takes four fifths of it at most.
_SIZE: Final = (1280, 1080)
_FLAGS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Nor does the browser itself, whatever it wants to know, leave the machine.
    "--no-proxy-server",
    f"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE {LOOPBACK}",
)


def chromium() -> str:
    """Return the program, or skip the test and say so."""
    found = shutil.which("chromium") or shutil.which("chromium", path="/usr/bin")
    if found is None:
        pytest.skip(
            "NO CHROMIUM ON THIS MACHINE: Prefect's UI was NOT tried (Debian's package chromium)"
        )
    return found


@dataclass(frozen=True, kw_only=True)
class Browser:
    """One page of a browser, and what it was kept from."""

    page: Page
    # The hosts that the page wanted to ask; it was told that they are not there.
    kept_from: set[str]

    def open(self, url: str) -> None:
        """Go to an address; what is on it comes later."""
        self._or_tell(lambda: self.page.goto(url, wait_until="domcontentloaded"), url)

    def see(self, wanted: Locator, *, within: float = PATIENCE) -> Locator:
        """Wait until something is there; fail with what is there instead."""
        self._or_tell(lambda: wanted.wait_for(timeout=within * 1000), str(wanted))
        return wanted

    def press(self, wanted: Locator) -> None:
        """Click on something as soon as that can be done."""
        self._or_tell(lambda: wanted.click(timeout=PATIENCE * 1000), str(wanted))

    def shot(self, name: str) -> Path:
        """Take a picture of the window, once there is something in it."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        path = SHOTS / f"{name}.png"
        with suppress(Error):
            self.page.wait_for_function(_IS_THERE, timeout=_LOADS * 1000)
            if self.page.locator("canvas").count():
                self.page.evaluate("window.drawsAll = true")
                self.page.wait_for_timeout(_DRAWS * 1000)
                self.page.evaluate("window.drawsAll = false")
        self.page.screenshot(path=path, animations="disabled")
        return path

    def keep(self) -> Callable[[Route], None]:
        """Return what lets a request go on if it stays on this machine."""

        def keep(route: Route) -> None:
            host = urlsplit(route.request.url).hostname
            if host == LOOPBACK:
                route.continue_()
            else:
                self.kept_from.add(str(host))
                route.abort()

        return keep

    def text(self) -> str:
        """Return what is on the page, as somebody hears it who cannot see it."""
        try:
            return self.page.locator("body").aria_snapshot()
        except Error as error:
            return f"nothing that could be read: {error}"

    def _or_tell(self, act: Callable[[], object], wanted: str) -> None:
        try:
            act()
        except Error as error:
            shot = self.shot("what-was-there-instead")
            told = f"{wanted}: {error.message.splitlines()[0]}\n{self.page.url}, as in {shot}, had:"
            raise AssertionError(f"{told}\n{self.text()}") from None


@contextmanager
def browsing() -> Iterator[Browser]:
    """Start a browser without a past; it ends with the block, and leaves none."""
    program = chromium()
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=program, args=_FLAGS)
        width, height = _SIZE
        # A worker of the page's could ask whom it likes.
        context = started.new_context(
            viewport={"width": width, "height": height}, service_workers="block"
        )
        context.add_init_script(_FEW_FRAMES)
        one = Browser(page=context.new_page(), kept_from=set())
        context.route("**/*", one.keep())
        try:
            yield one
        finally:
            started.close()


def small(path: Path) -> bytes:
    """Return a picture in few colours, as documents want it."""
    with Image.open(path) as whole:
        out = io.BytesIO()
        whole.convert("RGB").quantize(64).save(out, "PNG", optimize=True)
    return out.getvalue()
