"""Prefect's UI as a person goes through it: lists, the form of a run, a run's page, artifacts."""

import re
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Locator

from tests.browser import Browser


@dataclass(frozen=True, kw_only=True)
class PrefectUi:
    """The UI of a server, in a browser."""

    browser: Browser
    url: str

    @property
    def main(self) -> Locator:
        return self.browser.page.get_by_role("main")

    def home(self) -> None:
        """Open what a person opens: the bare address."""
        self.browser.open(self.url)

    def go(self, place: str) -> None:
        """Press an entry of the menu at the side."""
        self.browser.press(self.browser.page.get_by_role("link", name=place, exact=True).first)

    def search(self, text: str) -> None:
        """Narrow the list of deployments."""
        self.browser.see(self.browser.page.get_by_placeholder("Search deployments")).fill(text)

    def follow(self, text: str) -> None:
        """Press a link in the page."""
        self.browser.press(self.main.get_by_role("link", name=text).first)

    def tab(self, name: str) -> None:
        """Turn to a part of the page."""
        self.browser.press(self.main.get_by_role("tab", name=name, exact=True))

    def see(self, text: str | re.Pattern[str], where: Locator | None = None) -> None:
        """Wait until the page, or a dialog on it, says something."""
        self.browser.see((where or self.main).get_by_text(text).first)

    def shot(self, name: str) -> Path:
        return self.browser.shot(name)

    # The form of a run.

    def custom_run(self) -> None:
        """On a deployment's page: ask for a run with parameters of one's own."""
        self._run("Custom run")
        self.see("Parameters")

    def quick_run(self) -> str:
        """On a deployment's page: start a run as it is; return its id."""
        self._run("Quick run")
        return self._view_run()

    def _run(self, item: str) -> None:
        self.browser.press(self.main.get_by_role("button", name="Run", exact=True))
        self.browser.press(self.browser.page.get_by_role("menuitem", name=item))

    def titles(self) -> list[str]:
        """Return the titles of the fields, from top to bottom."""
        inner = self.main.get_by_role("group").first.locator("label")
        return [text.removesuffix(" (Optional)") for text in inner.all_inner_texts()]

    def field(self, title: str) -> Locator:
        """Return a field by its title."""
        return self.browser.page.get_by_label(title)

    def choose(self, title: str, option: str) -> None:
        """Choose in a field that has a list."""
        page = self.browser.page
        self.browser.press(page.get_by_role("button", name=f"Select {title}"))
        self.browser.press(page.get_by_role("option", name=option, exact=True))

    def submit(self) -> str:
        """Start the run that the form describes; return its id."""
        self.browser.press(self.main.get_by_role("button", name="Submit"))
        return self._view_run()

    # A run's page.

    def open_run(self, flow_run_id: str) -> None:
        self.browser.open(f"{self.url}/v2/runs/flow-run/{flow_run_id}")

    def open_deployment(self, deployment_id: str) -> None:
        self.browser.open(f"{self.url}/v2/deployments/deployment/{deployment_id}")

    def _view_run(self) -> str:
        """Follow the note that says that a run was started; return the run's id."""
        page = self.browser.page
        note = page.get_by_role("region", name=re.compile("Notifications"))
        self.browser.press(note.get_by_role("button", name="View run"))
        page.wait_for_url("**/runs/flow-run/*")
        # It stays for as long as somebody points at it.
        page.mouse.move(0, 0)
        return page.url.rpartition("/")[2].partition("?")[0]

    def state(self, name: str) -> None:
        """Wait until the run's page shows a state."""
        badge = self.main.locator("[data-slot=badge]", has_text=re.compile(f"^{name}$"))
        self.browser.see(badge.first)

    def ask(self, item: str) -> Locator:
        """Press an entry of the run's menu; return the dialog that it opens."""
        page = self.browser.page
        self.browser.press(self.main.get_by_role("button", name="Open menu").first)
        self.browser.press(page.get_by_role("menuitem", name=item, exact=True))
        return self.browser.see(page.get_by_role("dialog").or_(page.get_by_role("alertdialog")))

    def confirm(self, dialog: Locator, button: str) -> None:
        """Press a dialog's button, and wait until the dialog is gone."""
        self.browser.press(dialog.get_by_role("button", name=button, exact=True))
        dialog.wait_for(state="hidden")

    # Artifacts.

    def artifact(self, kind: str, artifact_id: str) -> None:
        """From a run's page: open an artifact of a kind, as far as what it says."""
        self.tab("Artifacts")
        self.browser.press(self.main.get_by_role("heading", name=re.compile(f"^{kind}-")).first)
        # The versions stand in no order that could be relied on.
        self.browser.press(self.main.locator(f"a[href$='/artifacts/artifact/{artifact_id}']"))
        self.see("Show Raw Data")
