"""A run of SALE lines, for detectors that need not look at each line at once."""

from collections.abc import Sequence
from typing import NamedTuple

from retail_anomaly.core.events import PosEvent


class SaleRun(NamedTuple):
    """SALE lines of a store, in the order in which they were processed.

    A detector that is shown a run was shown nothing else between its lines.

    Parameters
    ----------
    events
        The lines.
    clocks
        The store's clock at each of them, in epoch milliseconds.
    lines
        Their numbers: a line that was processed later has a higher one.
    """

    events: Sequence[PosEvent]
    clocks: Sequence[int]
    lines: Sequence[int]
