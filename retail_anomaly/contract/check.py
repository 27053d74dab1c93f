"""All checks of a detector, and the table of their results."""

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
"""Every check by name; a check raises `ContractError` if the detector fails it."""


def check_detector(
    detector: type[Detector[Any, Any]],
    events: Iterable[Step],
    *,
    parameters: Parameters | None = None,
    kept: Collection[str] = (),
) -> "pd.DataFrame":
    """Run every check of the contract on a detector.

    Give a few thousand events that raise some alerts; the checks restart after every event, which takes about
    ten times as long as a replay.

    Parameters
    ----------
    detector
        Your class.
    events
        Events in order of arrival.
    parameters
        By default those of the class.
    kept
        Collections that may keep their entries without limit, as ``detector.collection``.

    Returns
    -------
    pandas.DataFrame
        One row for each check: ``check``, ``passed`` and ``said``, the reason why it failed.

    Examples
    --------
    >>> from retail_anomaly.detectors import StockDiscrepancy
    >>> checked = check_detector(StockDiscrepancy, [])
    >>> checked[~checked["passed"]].values.tolist()
    [['raises alerts over these events', False, 'these events raise no alert: give events that do']]
    """
    import pandas as pd

    subject = Subject(detector, tuple(events), parameters, kept=frozenset(kept))
    rows = [
        (name, said is None, said or "") for name, check in CHECKS.items() for said in [_said(check, subject)]
    ]
    return pd.DataFrame(rows, columns=["check", "passed", "said"])


def _said(check: Check, subject: Subject) -> str | None:
    """Return why a check failed, or None; an exception of the detector is a failure too."""
    try:
        check(subject)
    except ContractError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - an unfinished detector may raise anything
        return f"{type(error).__name__}: {error}"
    return None
