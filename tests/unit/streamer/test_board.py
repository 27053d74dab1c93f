"""The board draws the alerts of its feed, and reports a feed that fails."""

from __future__ import annotations

import pandas as pd
import pytest

from retail_anomaly.plots import example_alerts
from streamer.errors import StreamerError
from streamer.notebook.board import Board


class Scripted:
    """A feed whose alerts a test sets."""

    def __init__(self) -> None:
        self.alerts: pd.DataFrame | Exception = example_alerts().head(1)

    def read(self) -> pd.DataFrame:
        if isinstance(self.alerts, Exception):
            raise self.alerts
        return self.alerts


@pytest.fixture
def feed():
    return Scripted()


@pytest.fixture
def board(feed):
    board = Board(feed, zones="Europe/Berlin", every=0.01)
    yield board
    board.stop()


def title(board: Board) -> str:
    text: str = board.figures["timeline"].layout.title.text
    return text


def test_figures_change_in_place(board, feed):
    assert board.refresh()
    assert title(board) == "1 alert in 1 store"
    feed.alerts = example_alerts()
    assert board.refresh()
    assert title(board) == "2 alerts in 1 store"
    assert [trace.name for trace in board.figures["counts"].data] == ["Refund burst", "Shrinkage"]
    assert board.widget.children == tuple(board.figures.values())
    assert "Europe/Berlin" in board.figures["timeline"].layout.xaxis.title.text


def test_nothing_new_draws_nothing(board, feed):
    board.refresh()
    feed.alerts = example_alerts().head(1)
    assert not board.refresh()


def test_a_revision_is_something_new(board, feed):
    board.refresh()
    feed.alerts = example_alerts().head(1).assign(revision=2)
    assert board.refresh()


def test_no_alert_yet_is_a_figure_too(board, feed):
    feed.alerts = example_alerts().head(0)
    assert board.refresh()
    assert title(board) == "0 alerts in 0 stores"


def test_it_follows_until_it_is_stopped(board, feed):
    board.follow()
    feed.alerts = example_alerts()
    board.wait(lambda alerts: len(alerts) == 2, 10)
    assert title(board) == "2 alerts in 1 store"
    board.stop()
    feed.alerts = example_alerts().head(1)
    assert title(board) == "2 alerts in 1 store"


def test_a_feed_that_fails_is_told_in_the_figure_and_to_who_waits(board, feed):
    board.follow()
    feed.alerts = StreamerError("the broker does not answer")
    with pytest.raises(StreamerError, match="the board has stopped: the broker does not answer"):
        board.wait(lambda alerts: len(alerts) == 2, 10)
    board.stop()
    assert title(board) == "The board has stopped: the broker does not answer"


def test_what_does_not_come_is_told_after_a_while(board):
    board.follow()
    with pytest.raises(StreamerError, match="1 alerts after 0 s, which are not all"):
        board.wait(lambda alerts: len(alerts) == 2, 0.05)
