"""Work beside the poll loop: no error ends it, and readiness follows it."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from confluent_kafka import KafkaError, KafkaException

from streamer.observe.background import Background
from streamer.observe.metrics import Metrics


class Failing:
    """Fails so many times, then succeeds."""

    def __init__(self, error: Exception, times: int) -> None:
        self._error = error
        self._left = times
        self.failed, self.go_on, self.done = threading.Event(), threading.Event(), threading.Event()

    def __call__(self) -> None:
        if self._left:
            self._left -= 1
            raise self._error
        self.failed.set()
        self.go_on.wait(30)
        self.done.set()


@pytest.mark.parametrize("error", [KeyError("pos-events"), KafkaException(KafkaError(-185)), ValueError("x")])
def test_it_goes_on_after_any_error_and_is_not_well_meanwhile(error: Exception) -> None:
    act = Failing(error, 3)
    metrics = Metrics("run", "g")
    metrics.joined = True
    with Background("ticks", 0.0, act, trouble="no ticks") as work:
        metrics.background = (work,)
        assert act.failed.wait(30)
        assert (work.well, metrics.ready, metrics.troubled) == (False, False, ["ticks"])
        act.go_on.set()
        assert act.done.wait(30)
        _until(lambda: work.well)
        assert metrics.ready
    assert not work.well  # a thread that ended is not well


def _until(condition: Callable[[], bool]) -> None:
    waiting = threading.Event()
    for _ in range(3_000):
        if condition():
            return
        waiting.wait(0.01)
    raise AssertionError("the condition did not come true")
