"""The live board as Voila serves it: figures on a page, drawn in a real browser."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from retail_anomaly.plots import COLOURS
from tests.notebooks.source import ROOT
from tests.support.browser import Browser, count_colour, pixels, share_of_ink

PATIENCE_S = 120
NOT_OURS = (
    "fontawesome",  # Voila's page asks for icons from elsewhere, which nothing here shows
    "setData is not a function",  # Plotly's renderer for JupyterLab in Voila, which draws the figure all the same
)
AT = re.compile(r"(http://\S+?:\d+)/")


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Serve the notebook from a folder of its own, with a short day."""
    board = tmp_path / "board.ipynb"
    shutil.copy(ROOT / "notebooks" / "60_live.ipynb", board)
    board.write_text(board.read_text("utf-8").replace("seconds = 20 ", "seconds = 4 "), "utf-8")
    command = [
        *(sys.executable, "-m", "voila", str(board), "--no-browser", f"--port={_free_port()}"),
        "--Voila.ip=127.0.0.1",
    ]
    log = tmp_path / "voila.log"
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, cwd=tmp_path, start_new_session=True)
    try:
        deadline = time.monotonic() + PATIENCE_S
        while (found := AT.search(log.read_text("utf-8", "replace"))) is None:
            said = log.read_text("utf-8", "replace")
            assert process.poll() is None, said
            assert time.monotonic() < deadline, said
            time.sleep(0.05)
        yield found[1]
    finally:
        process.terminate()
        process.wait(30)


def test_board_shows_its_figures(address: str, browser: Browser) -> None:
    with browser.open(address, width=1200, height=1400) as page:
        page.wait_for_figures(3, PATIENCE_S)
        titles = page.value("[...document.querySelectorAll('.gtitle')].map(title => title.textContent)")
        picture = pixels(page.png(whole=True))
        code = page.value("document.querySelectorAll('.jp-CodeCell .jp-InputArea').length")
        assert not [error for error in page.errors if not any(known in error for known in NOT_OURS)]
    assert len(titles) == 3, "two that follow the alerts, and one of how they ended"
    assert len({title.split()[0] for title in titles}) == 1, (
        f"they show different numbers of alerts: {titles}"
    )
    assert int(titles[0].split()[0]) > 5
    assert code == 0, "a board is for reading"
    assert share_of_ink(picture) > 0.02
    assert count_colour(picture, COLOURS["REFUND_BURST"]) > 100


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
