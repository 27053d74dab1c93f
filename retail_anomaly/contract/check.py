"""All checks of a detector, with what each said."""

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from retail_anomaly.contract.behaviour import BEHAVIOUR
from retail_anomaly.contract.declaration import FORM
from retail_anomaly.contract.runs import Step
from retail_anomaly.contract.storage import STORAGE
from retail_anomaly.contract.subject import Check, ContractError, Subject
from retail_anomaly.detectors import Detector, Parameters

if TYPE_CHECKING:
    import pandas as pd

CHECKS: Final[Mapping[str, Check]] = {**FORM, **BEHAVIOUR, **STORAGE}
"""Every check, by what it says of a detector that passes; it raises `ContractError` otherwise."""


def check_detector(
    detector: type[Detector[Any, Any]],
    events: Iterable[Step],
    *,
    parameters: Parameters | None = None,
    kept: Collection[str] = (),
) -> "pd.DataFrame":
    """Run every check of the contract on a detector.

    A restart after every event takes some ten times as long as a replay: thousands of events are
    enough, and they should raise some alerts. Of parameters with which the detector runs in a replay only,
    the checks of what is stored are left out.

    Parameters
    ----------
    detector
        Its class.
    events
        What it is tried with, in order of arrival.
    parameters
        By default the class's own.
    kept
        What it may keep without limit: ``detector.collection``.

    Returns
    -------
    pandas.DataFrame
        One row a check: ``check``, ``passed`` and, if it did not, ``said``.

    Examples
    --------
    >>> from retail_anomaly.detectors import StockDiscrepancy
    >>> checked = check_detector(StockDiscrepancy, [])
    >>> checked[~checked["passed"]].values.tolist()
    [['raises alerts over these events', False, 'these events raise no alert: try it with some that do']]
    """
    import pandas as pd

    subject = Subject(detector, tuple(events), parameters, kept=frozenset(kept))
    in_memory = parameters is not None and parameters.replay_only is not None
    checks = {**FORM, **BEHAVIOUR} if in_memory else CHECKS
    rows = [
        (name, said is None, said or "") for name, check in checks.items() for said in [_said(check, subject)]
    ]
    return pd.DataFrame(rows, columns=["check", "passed", "said"])


def _said(check: Check, subject: Subject) -> str | None:
    """Return why a check failed, or None; what the detector itself raises is a failure too."""
    try:
        check(subject)
    except ContractError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - a detector that is being written may raise anything
        return f"{type(error).__name__}: {error}"
    return None
