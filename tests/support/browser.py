"""A headless Chromium that opens pages, reports their errors, and takes their picture.

It is driven over the DevTools pipe: no port, no driver, nothing to install but Chromium itself. It
reaches this machine only, so a page that needs the network shows it.
"""

from __future__ import annotations

import base64
import fcntl
import io
import json
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.support.waiting import PATIENCE_S

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--mute-audio"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars"),
    "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
    # There is a mouse: without one Plotly shows its tool bar all the time.
    "--blink-settings=primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4,availablePointerTypes=4",
    "--remote-debugging-pipe",
)


class BrowserError(AssertionError):
    """The browser is gone, or a page did not reach the state that the test waited for."""


def find_browser() -> str | None:
    """Return the path of a Chromium, or None."""
    return next((path for name in PROGRAMS if (path := shutil.which(name))), None)


class OpenPage:
    """A page in the browser.

    Attributes
    ----------
    errors
        Errors that its console and the browser reported, exceptions included.
    requests
        Every address that it asked for, its own first; content within the page has none.
    """

    def __init__(self, browser: Browser, session: str, target: str) -> None:
        self._browser = browser
        self._session = session
        self._target = target
        self.errors: list[str] = []
        self.requests: list[str] = []

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a DevTools command to the page and return its answer."""
        return self._browser.call(method, parameters, self._session)

    def value(self, expression: str) -> Any:
        """Return the value of a JavaScript expression in the page; a promise is awaited."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise BrowserError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def wait_until(self, expression: str, seconds: float = PATIENCE_S) -> None:
        """Wait until a JavaScript expression holds."""
        deadline = time.monotonic() + seconds
        while not self._holds(expression):
            if time.monotonic() > deadline:
                raise BrowserError(f"after {seconds:.0f} s not yet: {expression}; errors: {self.errors}")
            time.sleep(0.05)

    def _holds(self, expression: str) -> bool:
        try:
            return bool(self.value(f"Boolean({expression})"))
        except BrowserError as error:
            # The page left while it was asked: the next one is asked again.
            if "navigated" in str(error):
                return False
            raise

    def wait_for_figures(self, count: int, seconds: float = PATIENCE_S) -> None:
        """Wait until so many Plotly figures are drawn, and two frames more."""
        drawn = "[...document.querySelectorAll('.js-plotly-plot')].filter(one => one.querySelector('.xy'))"
        self.wait_until(f"{drawn}.length >= {count}", seconds)
        self.value("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def hover(self, x: float, y: float) -> None:
        """Move the mouse, from beside, to a place in pixels."""
        for step in (-3.0, 0.0):
            self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x + step, y=y + step)

    def png(self, *, whole: bool = False) -> bytes:
        """Return the picture of the window, or of the whole page."""
        options: dict[str, Any] = {}
        if whole:
            size = self.call("Page.getLayoutMetrics")["cssContentSize"]
            clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
            options = {"captureBeyondViewport": True, "clip": clip}
        return base64.b64decode(self.call("Page.captureScreenshot", format="png", **options)["data"])

    def pdf(self) -> bytes:
        """Return the page as it is printed on A4."""
        answer = self.call(
            "Page.printToPDF",
            printBackground=True,
            paperWidth=8.27,
            paperHeight=11.69,
            transferMode="ReturnAsBase64",
        )
        return base64.b64decode(answer["data"])

    def close(self) -> None:
        """Close the page."""
        self._browser.call("Target.closeTarget", {"targetId": self._target})


class Browser:
    """A Chromium process with a profile of its own.

    Parameters
    ----------
    program
        The path of Chromium.
    folder
        Where the profile and the log go; empty.
    """

    def __init__(self, program: str, folder: Path) -> None:
        self._log = folder / "chromium.log"
        command = [program, *_OPTIONS, f"--user-data-dir={folder / 'profile'}", "about:blank"]
        (to_browser, write), (read, from_browser) = os.pipe(), os.pipe()
        # Chromium reads from descriptor 3 and writes to 4; beyond 9 neither of ours is in the way.
        ours = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (to_browser, from_browser)]
        self._write, self._read = write, read
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                ["bash", "-c", 'exec "$@" 3<&"$0" 4>&'  # one descriptor is $0
                 + str(ours[1]), str(ours[0]), *command],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=ours, start_new_session=True,
            )  # fmt: skip
        for end in (to_browser, from_browser, *ours):
            os.close(end)
        self._buffer = bytearray()
        self._pages: dict[str, OpenPage] = {}
        self._number = 0

    def call(
        self, method: str, parameters: dict[str, Any] | None = None, session: str | None = None
    ) -> dict[str, Any]:
        """Send a DevTools command and return its answer; earlier messages of the pages are kept."""
        self._number += 1
        number = self._number
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters or {}}
        if session:
            message["sessionId"] = session
        try:
            data = json.dumps(message).encode() + b"\0"
            while data:
                data = data[os.write(self._write, data) :]
        except BrokenPipeError:
            raise BrowserError(f"Chromium has ended: {self._last_words()}") from None
        deadline = time.monotonic() + PATIENCE_S
        while True:
            answer = self._next(deadline)
            if answer.get("id") == number:
                if "error" in answer:
                    raise BrowserError(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result
            self._note(answer)

    @contextmanager
    def open(self, url: str, *, width: int = 1120, height: int = 800, scale: float = 1) -> Iterator[OpenPage]:
        """Open an address in a window of this size (CSS pixels, each `scale` real ones), and close it."""
        target = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        attached = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})
        page = self._pages[attached["sessionId"]] = OpenPage(self, attached["sessionId"], target)
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.call(f"{domain}.enable")
        page.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=False,
        )
        answer = page.call("Page.navigate", url=url)
        if "errorText" in answer:
            raise BrowserError(f"{url}: {answer['errorText']}")
        page.wait_until("document.readyState == 'complete' && location.href != 'about:blank'")
        try:
            yield page
        finally:
            page.close()

    def close(self) -> None:
        """End Chromium and all its processes."""
        for end in (self._write, self._read):
            os.close(end)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)

    def _next(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            readable, _, _ = select.select([self._read], [], [], max(0.0, deadline - time.monotonic()))
            if not readable:
                raise BrowserError(f"Chromium did not answer: {self._last_words()}")
            data = os.read(self._read, 1 << 20)
            if not data:
                raise BrowserError(f"Chromium has ended: {self._last_words()}")
            self._buffer += data
        message, _, rest = bytes(self._buffer).partition(b"\0")
        self._buffer = bytearray(rest)
        decoded: dict[str, Any] = json.loads(message)
        return decoded

    def _note(self, event: dict[str, Any]) -> None:
        page = self._pages.get(event.get("sessionId", ""))
        if page is None:
            return
        method, said = event["method"], event["params"]
        if method == "Network.requestWillBeSent":
            if not said["request"]["url"].startswith(("data:", "blob:")):
                page.requests.append(said["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            details = said["exceptionDetails"]
            page.errors.append(str(details.get("exception", {}).get("description", details["text"])))
        elif method == "Runtime.consoleAPICalled" and said["type"] in {"error", "assert"}:
            page.errors.append(
                " ".join(str(part.get("value", part.get("description"))) for part in said["args"])
            )
        elif method == "Log.entryAdded" and said["entry"]["level"] == "error":
            page.errors.append(f"{said['entry']['text']} ({said['entry'].get('url', '')})")

    def _last_words(self) -> str:
        return self._log.read_text("utf-8", "replace")[-1_000:]


def pixels(png: bytes) -> np.ndarray:
    """Return a picture as an array of height, width and three channels (0 to 255)."""
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def share_of_ink(picture: np.ndarray) -> float:
    """Return the share of pixels that are not of the commonest colour: 0 for a blank page."""
    flat = picture.reshape(-1, 3).astype("uint32") @ np.array([65_536, 256, 1], dtype="uint32")
    _, counts = np.unique(flat, return_counts=True)
    return float(1 - counts.max() / counts.sum())


def count_colour(picture: np.ndarray, colour: str) -> int:
    """Return how many pixels have exactly a colour, for example ``#d1495b``."""
    wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return int((picture == wanted).all(axis=-1).sum())
