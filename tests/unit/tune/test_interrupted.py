"""An interrupt at a bad moment of the search: nothing is half written, and it is never lost."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

import pytest

from retail_anomaly.replay.interrupts import Interrupts
from retail_anomaly.tune import tune
from tests.support.tuning import TOO_STRICT, only, shops


@contextmanager
def interrupted(function: str, event: str) -> Iterator[None]:
    """Send Ctrl-C when Optuna's lock calls a function, or returns from it."""
    sent: list[str] = []

    def trace(frame: FrameType, what: str, _value: Any) -> Any:
        code = frame.f_code
        if code.co_name != function or not code.co_filename.endswith("journal/_file.py") or sent:
            return None
        if what == event:
            sent.append(what)
            signal.raise_signal(signal.SIGINT)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)
        assert sent


@pytest.mark.parametrize("function", ["acquire", "release"])
@pytest.mark.parametrize("event", ["call", "return"])
def test_a_trial_is_written_whole_and_no_lock_is_left(function, event, tmp_path):
    events, incidents = shops()
    settings = only("refund_burst", **TOO_STRICT)
    with pytest.raises(KeyboardInterrupt), interrupted(function, event):
        tune(events, incidents, settings=settings, trials=2, study=tmp_path / "study", progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["study"]


def test_an_interrupt_that_a_destructor_swallows_is_raised_at_the_next_step():
    with Interrupts() as interrupts:
        interrupts.check()
        with suppress(KeyboardInterrupt):  # as Python does around a destructor
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            interrupts.check()


def test_a_signal_that_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as `nohup` does
    try:
        with Interrupts():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
