"""Headless Chromium, driven by its own protocol: opens a page, uploads a file, takes a picture, and prints what the page says.

    python browser.py CHROMIUM URL PICTURE [FILE]

`BROWSER_RESOLVES`, such as `MAP a.example.com 127.0.0.1`, says where names lead that no DNS has.
It runs in the environment that has Streamlit, which brings `websockets` along.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

PATIENCE = 240.0

_FINISHED = """![...document.querySelectorAll('[data-testid=stStatusWidget], [data-testid=stSkeleton]')].length
  && [...document.images].every(image => image.complete)"""


class Page:
    """The one page of a browser."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._numbers = itertools.count(1)

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """What the browser answers to one command."""
        number = next(self._numbers)
        self._connection.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._connection.recv(timeout=PATIENCE))
            if answer.get("id") == number:
                if "error" in answer:
                    raise SystemExit(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result

    def text(self) -> str:
        """What a person reads."""
        return str(
            self.ask("Runtime.evaluate", expression="document.body.innerText")["result"].get("value", "")
        )

    def wait_for(self, words: str) -> None:
        """Wait until the page says it."""
        deadline = time.monotonic() + PATIENCE
        while words not in self.text():
            if time.monotonic() > deadline:
                raise SystemExit(f"the page does not say {words!r} but: {self.text()}")
            time.sleep(0.2)

    def wait_until_drawn(self) -> None:
        """Wait until the page is finished: charts and pictures come after the words."""
        deadline, finished = time.monotonic() + PATIENCE, 0
        while finished < 5 and time.monotonic() < deadline:
            found = self.ask("Runtime.evaluate", expression=_FINISHED)["result"]["value"]
            finished = finished + 1 if found else 0
            time.sleep(0.3)

    def upload(self, path: Path) -> None:
        """Give the file to the page's first field for files."""
        found = self.ask("Runtime.evaluate", expression="document.querySelector('input[type=file]')")
        self.ask("DOM.setFileInputFiles", objectId=found["result"]["objectId"], files=[str(path)])


def main(chromium: str, url: str, picture: str, *files: str) -> None:
    """See the module."""
    with tempfile.TemporaryDirectory() as home:
        browser = subprocess.Popen(
            [chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             f"--host-resolver-rules={os.environ.get('BROWSER_RESOLVES', '')}", "--window-size=1200,1100", "--remote-debugging-port=0", f"--user-data-dir={home}", "about:blank"],
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            with connect(_address(Path(home)), max_size=None) as connection:
                page = Page(connection)
                page.ask("Page.enable")
                page.ask("Page.navigate", url=url)
                page.wait_for("commit of the code")
                # The page is put together anew once its connection stands; a field of before is none any more.
                time.sleep(2)
                for name in files:
                    page.upload(Path(name))
                    page.wait_for("Confidence")
                page.wait_until_drawn()
                data = page.ask("Page.captureScreenshot", format="png")["data"]
                Path(picture).write_bytes(base64.b64decode(data))
                print(page.text())
        finally:
            browser.terminate()
            browser.wait()


def _address(home: Path) -> str:
    """Where the browser's first page listens."""
    port = home / "DevToolsActivePort"
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if port.exists() and (number := port.read_text().split("\n")[0]):
            with urllib.request.urlopen(f"http://127.0.0.1:{number}/json/list") as answer:
                pages = [one for one in json.load(answer) if one["type"] == "page"]
            if pages:
                return str(pages[0]["webSocketDebuggerUrl"])
        time.sleep(0.1)
    raise SystemExit("Chromium did not start")


if __name__ == "__main__":
    main(*sys.argv[1:])
