"""Chromium for the browser tests, and a record of what a page did besides what it shows."""

import os
import re
import shutil
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import ConsoleMessage, Dialog, Page, Request, expect

REQUIRED = "ZHIWEN_REQUIRE_BROWSER"
# As root, Chromium has no sandbox; no name but this machine's resolves, so nothing gets out.
ARGUMENTS = ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
# Opened below the root, Streamlit first looks for its server beside the page, then at the root.
# Each look that fails is a line on the console; nothing of ours can keep it from looking.
HARMLESS = re.compile(r"/(chat|knowledge_bases|evaluation|system)/_stcore/(health|host-config)$")


def find_chromium() -> str:
    """Return the path of Chromium; without one the tests are skipped, or fail where required."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        message = "needs Chromium: apt-get install chromium fonts-noto-cjk"
        if os.environ.get(REQUIRED) == "1":
            pytest.fail(message)
        pytest.skip(message)
    return path


@dataclass
class Record:
    """What pages asked for, said on the console and tried to do."""

    origin: str
    strangers: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        """Note everything from now on."""
        page.on("request", self.note_request)
        page.on("websocket", lambda socket: self.note_url(socket.url))
        page.on("console", self.note_console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", self.note_dialog)

    def note_dialog(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def note_request(self, request: Request) -> None:
        self.note_url(request.url)

    def note_url(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob", "about") and parts.netloc != self.origin:
            self.strangers.append(url)

    def note_console(self, message: ConsoleMessage) -> None:
        place = message.location["url"]
        if message.type == "error" and not HARMLESS.search(place):
            self.complaints.append(f"{message.text} ({place})")

    @property
    def problems(self) -> list[str]:
        """Return everything that must not be."""
        return [
            *(f"asked for {url}" for url in self.strangers),
            *(f"showed the dialog {text!r}" for text in self.dialogs),
            *(f"complained: {text}" for text in self.complaints),
        ]


def wait_until_drawn(page: Page) -> None:
    """Wait until the script has run to its end and everything that it asked for is there."""
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for()
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0)
    page.evaluate("document.fonts.ready.then(() => true)")
