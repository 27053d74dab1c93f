"""A detector under test, with its parameters and events."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, TypeAlias

from retail_anomaly.contract.runs import Run, Step
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.engine import Engine
from retail_anomaly.core.errors import RetailAnomalyError
from retail_anomaly.detectors import Detector, Parameters

_DAY: Final = 86_400_000


class ContractError(RetailAnomalyError, AssertionError):
    """A detector breaks the contract; the message says how."""


@dataclass(frozen=True)
class Subject:
    """A detector under test.

    Parameters
    ----------
    detector
        The class.
    steps
        Events and ticks of one store or several, in order of arrival.
    parameters
        By default those of the class.
    max_late, dedupe_memory
        As for `Engine`, in milliseconds.
    kept
        Collections that may keep their entries without limit, as ``detector.collection``.

    Examples
    --------
    >>> from retail_anomaly.detectors import RefundBurst
    >>> Subject(RefundBurst, []).engine().detectors[0].name
    'refund_burst'
    """

    detector: type[Detector[Any, Any]]
    steps: Sequence[Step]
    parameters: Parameters | None = None
    max_late: int = _DAY
    dedupe_memory: int = _DAY
    kept: frozenset[str] = field(default_factory=frozenset)

    def engine(self) -> Engine:
        """Return an engine with this detector alone."""
        parameters = self.detector.Parameters() if self.parameters is None else self.parameters
        detector = self.detector(parameters, self.max_late)
        return Engine([detector], max_late=self.max_late, dedupe_memory=self.dedupe_memory)

    def alerts(self) -> list[Alert]:
        """Return the alerts of the steps in a new engine."""
        return Run(self.engine()).alerts(self.steps)

    @cached_property
    def expected(self) -> list[Alert]:
        """The alerts of the steps, computed once for all checks that compare with them."""
        return self.alerts()


Check: TypeAlias = Callable[[Subject], None]


def require(condition: bool, said: str) -> None:
    """Raise a `ContractError` unless the condition holds.

    Examples
    --------
    >>> require(1 > 2, "1 is not more than 2")
    Traceback (most recent call last):
    ...
    retail_anomaly.contract.subject.ContractError: 1 is not more than 2
    """
    if not condition:
        raise ContractError(said)
