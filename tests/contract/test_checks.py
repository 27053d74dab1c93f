"""The checks can fail: each detector here has one fault, and the check that is there for it says so."""

from __future__ import annotations

import itertools
from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta

from retail_anomaly.contract import CHECKS, check_detector
from retail_anomaly.core.collections import Table
from retail_anomaly.core.detector_state import DetectorState
from retail_anomaly.detectors import Detector, Parameters
from tests.support.events import MINUTE, refund, sale

REFUNDS = [
    *(refund(n * MINUTE, transaction_id=f"t-{n}", store_id=f"store-{n % 2}", amount=50.0) for n in range(40)),
    sale(41 * MINUTE, transaction_id="s"),
]


class CountingParameters(Parameters, frozen=True):
    """When refunds are many."""

    count: Annotated[int, Meta(ge=1, description="So many alert.")] = 5


class CountingState(DetectorState):
    """The number of refunds by cashier."""

    def __init__(self, keep: int | None) -> None:
        self.counts: Table[list[int]] = Table(
            list[int], due=None if keep is None else lambda entry: entry[1] + keep
        )


class Counting(Detector[CountingParameters, CountingState]):
    """Alert at every refund from the fifth of a cashier on.

    Cannot see: anything but the number of refunds; that keeps it small enough for a test.
    """

    name = "counting"
    alert_type = "COUNTING"
    Parameters = CountingParameters

    def new_state(self) -> CountingState:
        return CountingState(self.max_late)

    def on_refund(self, event: Any, state: Any, store: Any) -> Any:
        entry = state.counts.get(event.cashier_id) or [0, event.event_time]
        entry = [entry[0] + 1, max(entry[1], event.event_time)]
        state.counts.put(event.cashier_id, entry)
        return self.raised(event, entry[0]) if entry[0] >= self.parameters.count else ()

    def raised(self, event: Any, count: int, **fields: Any) -> Any:
        given = {"risk": 0.5, "message": f"{count} refunds.", "evidence": {"count": count}, **fields}
        return (self.alert(event, time=event.event_time, employee_id=event.cashier_id, **given),)


class Shouting(Counting):
    """Cannot see: that its name and its type of alert are written the wrong way round by its author."""

    name, alert_type = "COUNTING", "counting"


class Silent(Counting):
    """Alert at every refund, without a paragraph on its blind spots."""


class UndescribedParameters(Parameters, frozen=True):
    """Without a description."""

    count: int = 5


class Undescribed(Counting):
    __doc__ = Counting.__doc__
    Parameters = UndescribedParameters  # type: ignore[assignment]


class Hashless(Counting):
    __doc__ = Counting.__doc__

    def __init__(self, parameters: Any, max_late: int) -> None:
        super().__init__(parameters, max_late)
        self.config_hash = "0"


class Hurried(Counting):
    __doc__ = Counting.__doc__
    counts_days = True

    def on_sales(self, run: Any, state: Any, store: Any) -> None:
        pass


class Mute(Counting):
    __doc__ = Counting.__doc__

    def on_refund(self, event: Any, state: Any, store: Any) -> Any:
        return ()


class Fickle(Counting):
    __doc__ = Counting.__doc__
    numbers = itertools.count()

    def raised(self, event: Any, count: int, **fields: Any) -> Any:
        return super().raised(event, count, evidence={"number": next(self.numbers)})


class Sure(Counting):
    __doc__ = Counting.__doc__

    def raised(self, event: Any, count: int, **fields: Any) -> Any:
        return super().raised(event, count, risk=1.5)


class Judging(Counting):
    __doc__ = Counting.__doc__

    def raised(self, event: Any, count: int, **fields: Any) -> Any:
        return super().raised(event, count, message="This is fraud.")


class Numbered(Counting):
    __doc__ = Counting.__doc__

    def raised(self, event: Any, count: int, **fields: Any) -> Any:
        return super().raised(event, count, evidence={1: count})


class Revising(Counting):
    __doc__ = Counting.__doc__

    def raised(self, event: Any, count: int, **fields: Any) -> Any:
        return tuple(msgspec.structs.replace(one, revision=2) for one in super().raised(event, count))


class Forgetful(Counting):
    """Cannot see: anything before a restart, because it counts in an attribute that is not stored."""

    def new_state(self) -> Any:
        state: Any = super().new_state()
        state.memory = {}
        return state

    def on_refund(self, event: Any, state: Any, store: Any) -> Any:
        state.memory[event.cashier_id] = state.memory.get(event.cashier_id, 0) + 1
        count = state.memory[event.cashier_id]
        return self.raised(event, count) if count >= self.parameters.count else ()


class Shared(Counting):
    """Cannot see: that its memory is that of all stores, for its author has put it into the detector."""

    def __init__(self, parameters: Any, max_late: int) -> None:
        super().__init__(parameters, max_late)
        self.memory: dict[str, int] = {}

    def on_refund(self, event: Any, state: Any, store: Any) -> Any:
        self.memory[event.cashier_id] = self.memory.get(event.cashier_id, 0) + 1
        count = self.memory[event.cashier_id]
        return self.raised(event, count) if count >= self.parameters.count else ()


class Hoarding(Counting):
    __doc__ = Counting.__doc__

    def new_state(self) -> CountingState:
        return CountingState(None)


class Curious(Counting):
    """Cannot see: the difference between a sale, a refund and a type of event that nobody knows yet."""

    def on_time(self, time: int, state: Any, store: Any) -> Any:
        state.counts.put("events", [(state.counts.get("events") or [0, 0])[0] + 1, time])
        return ()

    def raised(self, event: Any, count: int, **fields: Any) -> Any:
        return super().raised(event, count, evidence={"seen": 1})

    def on_refund(self, event: Any, state: Any, store: Any) -> Any:
        seen = (state.counts.get("events") or [0, 0])[0]
        return self.raised(event, seen) if seen >= self.parameters.count else ()


def failed(detector: type[Detector[Any, Any]]) -> set[str]:
    found = check_detector(detector, REFUNDS)
    assert list(found["check"]) == list(CHECKS)
    assert (found["said"] == "").equals(found["passed"])
    return set(found[~found["passed"]]["check"])


def test_a_sound_detector_passes_all_of_them():
    assert failed(Counting) == set()


@pytest.mark.parametrize(
    ("detector", "check"),
    [
        (Shouting, "has a name and a type of alert"),
        (Silent, "says what it cannot see"),
        (Undescribed, "describes its parameters"),
        (Hashless, "has a hash that every parameter changes"),
        (Hurried, "sees each sale of a day that it counts"),
        (Mute, "raises alerts over these events"),
        (Fickle, "raises the same alerts again"),
        (Sure, "raises well-formed alerts"),
        (Judging, "raises well-formed alerts"),
        (Numbered, "raises alerts that survive JSON"),
        (Revising, "counts revisions from 1"),
        (Forgetful, "survives restarts"),
        (Forgetful, "survives a restart after every event"),
        (Shared, "knows one store at a time"),
        (Shared, "repeats its alerts after a crash"),
        (Hoarding, "forgets what it no longer needs"),
        (Curious, "ignores unknown types of events"),
    ],
)
def test_a_fault_is_noticed(detector, check):
    assert check in failed(detector)


def test_what_a_detector_raises_by_mistake_is_told_and_ends_nothing():
    class Broken(Counting):
        __doc__ = Counting.__doc__

        def on_refund(self, event: Any, state: Any, store: Any) -> Any:
            raise LookupError("no such cashier")

    found = check_detector(Broken, REFUNDS).set_index("check")
    assert found["said"]["raises the same alerts again"] == "LookupError: no such cashier"
    assert found["passed"]["has a name and a type of alert"]
