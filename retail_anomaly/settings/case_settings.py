"""The section `cases`: how long cases live, and the order in which people read them."""

from typing import Annotated

import msgspec
from msgspec import Meta

from retail_anomaly.cases import Calibration, Prior, ScoreCurve, packaged_calibration
from retail_anomaly.core.durations import Duration
from retail_anomaly.settings.section import Section

_DAY = 86_400_000


class CaseSettings(Section, frozen=True):
    """Cases, and the order in which people read them.

    Examples
    --------
    >>> CaseSettings().memory
    Duration('90d')
    """

    memory: Annotated[Duration, Meta(description="How long a case is remembered after its newest alert.")] = (
        Duration(90 * _DAY)
    )
    priors: Annotated[
        dict[str, Prior],
        Meta(
            description="Precision of a type of alert before anybody judged one, by type: as if `a` of "
            "`a` + `b` alerts had been confirmed. Without an entry: 1 of 5."
        ),
    ] = msgspec.field(default_factory=dict)
    confidence: Annotated[
        dict[str, ScoreCurve],
        Meta(
            description="Share of a detector's alerts that are right by their score, by detector, as "
            "`retail-anomaly calibrate` writes it. Without an entry: the packaged curve."
        ),
    ] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        self.require_positive("memory")

    @property
    def calibration(self) -> Calibration:
        """The packaged calibration with the curves of `confidence`."""
        return packaged_calibration().with_curves(self.confidence)
