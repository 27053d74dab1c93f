"""The live board as Voila serves it: figures on a page, drawn in a real browser."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from data_gen import Simulation
from retail_anomaly.plots import COLOURS
from streamer.kafka.connection import Connection
from streamer.kafka.embedded_broker import EmbeddedBroker
from streamer.notebook.running import RunningStreamer
from tests.notebooks.source import ROOT
from tests.support.browser import Browser, count_colour, pixels, share_of_ink
from tests.support.ports import free_ports
from tests.support.waiting import PATIENCE_S

NOT_OURS = (
    "fontawesome",  # Voila's page asks for icons from elsewhere, which nothing here shows
    "setData is not a function",  # Plotly's JupyterLab renderer in Voila; the figure is drawn all the same
)
TITLES = "[...document.querySelectorAll('.gtitle')].map(title => title.textContent)"
AT = re.compile(r"(http://\S+?:\d+)/")


@pytest.fixture
def streamer() -> Iterator[RunningStreamer]:
    with EmbeddedBroker() as broker, RunningStreamer(Connection(broker.address, embedded=True)) as streamer:
        yield streamer


@pytest.fixture
def address(tmp_path: Path, streamer: RunningStreamer) -> Iterator[str]:
    """Serve the notebook from a folder of its own, as the board of that streamer's broker."""
    board = tmp_path / "board.ipynb"
    source = (ROOT / "notebooks" / "60_live.ipynb").read_text("utf-8")
    assert "broker = None" in source
    broker = streamer.connection.properties()["bootstrap.servers"]
    board.write_text(source.replace("broker = None", f"broker = '{broker}'"), "utf-8")
    command = [
        *(sys.executable, "-m", "voila", str(board), "--no-browser", f"--port={free_ports(1)[0]}"),
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


def raised(streamer: RunningStreamer) -> int:
    totals: Any = streamer.progress.totals()
    return sum(totals["alerts"].values())


def test_board_shows_its_figures_and_they_follow(
    streamer: RunningStreamer, address: str, browser: Browser
) -> None:
    day = list(Simulation(stores=3, days=1, seed=7).events())
    noon = len(day) // 2
    streamer.send(day[:noon])
    streamer.wait()
    before = raised(streamer)
    with browser.open(address, width=1200, height=1400) as page:
        page.wait_for_figures(3, PATIENCE_S)
        assert {int(title.split()[0]) for title in page.value(TITLES)} == {before}
        assert page.value("document.querySelectorAll('.jp-CodeCell .jp-InputArea').length") == 0
        streamer.send(day[noon:])
        streamer.wait()
        after = raised(streamer)
        page.wait_until(
            f"{TITLES}.filter(title => title.startsWith('{after} alerts')).length == 2", PATIENCE_S
        )
        picture = pixels(page.png(whole=True))
        assert not [error for error in page.errors if not any(known in error for known in NOT_OURS)]
    assert 0 < before < after
    assert share_of_ink(picture) > 0.02
    assert count_colour(picture, COLOURS["REFUND_BURST"]) > 100
