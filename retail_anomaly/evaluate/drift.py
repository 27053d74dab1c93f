"""Drift: whether the ranks of the models still mean the share that they promise."""

from dataclasses import dataclass
from math import exp, sqrt
from typing import Final

import numpy as np
import pandas as pd

from retail_anomaly.core.markup import html_paragraph
from retail_anomaly.detectors import REGISTRY
from retail_anomaly.frames.events import pos_frame
from retail_anomaly.frames.shown_times import zone_of
from retail_anomaly.frames.store_calendar import local_days
from retail_anomaly.frames.times import epoch_millis
from retail_anomaly.frames.words import natural_order
from retail_anomaly.replay import replay
from retail_anomaly.settings import Settings
from retail_anomaly.sources import Where
from retail_anomaly.sources.loaded import load

MODELS: Final = tuple(name for name, detector in REGISTRY.items() if detector.counts_days)
# The rest of the ranks hold no meaning: most intervals have nothing unusual, and all of these are equal.
_TAIL: Final = 0.2
_SURE: Final = 0.01
_FAR: Final = 0.05
_SIDES: Final = {"sales_deviation": 2}


@dataclass(frozen=True)
class Drift:
    """The drift of the models as DataFrames; a notebook shows them as tables.

    Parameters
    ----------
    ranks
        One row a detector and store: ``judged`` (intervals since it may alert), ``distance`` (the largest
        between the share of intervals that are so rare and the share that the rank promises, among the rarest
        fifth), ``p_value`` (of so large a distance by chance, if intervals were independent), ``flagged`` (at
        the detector's limit), ``promised`` (the number that the limit stands for) and ``drifted``.
    components
        One row a detector and component: ``decided`` (how often it was the rarest), ``flagged``, and
        ``share`` of all that were flagged. The component that fires most comes first.
    levels
        One row for each level that a model accepted: ``detector``, ``store_id``, ``subject``,
        ``accepted_on``.
    """

    ranks: pd.DataFrame
    components: pd.DataFrame
    levels: pd.DataFrame

    def lines(self) -> list[str]:
        """Return the summary that the command prints, line by line."""
        if self.ranks.empty:
            return ["No model has learned long enough to alert: give a longer log."]
        drifted = int(self.ranks["drifted"].sum())
        said = (
            f"{drifted} of {len(self.ranks)} ranks have drifted: they no longer mean the share they promise."
        )
        parts = [("", self.ranks), ("Components, the one that fires most first:", self.components)]
        if len(self.levels):
            parts.append(("Levels that a model accepted as the new normal:", self.levels))
        found = [said]
        for heading, frame in parts:
            found += ["", *([heading] if heading else []), *_shown(frame).to_string(index=False).splitlines()]
        return found

    def _repr_html_(self) -> str:
        frames = [frame for frame in (self.ranks, self.components, self.levels) if len(frame)]
        return "\n".join([html_paragraph(self.lines()[0]), *(_shown(f).to_html(index=False) for f in frames)])


def drift(events: Where, *, settings: Settings | None = None) -> Drift:
    """Compare the ranks of the models with the shares that they promise.

    Each model ranks an interval among recent ones; of honest intervals one in a hundred should have a rank of
    0.99 or more. Where far more have, the store has changed, or something is wrong there for long.

    Parameters
    ----------
    events
        A log or events, as `replay` takes them; read twice.
    settings
        The models' parameters and the stores' time zones. All models run, whether they are enabled or not.

    Returns
    -------
    Drift
        The ranks, the components that decide, and the levels that were accepted.

    Notes
    -----
    The distance is that of Kolmogorov and Smirnov, whose chance is computed as Stephens (*Use of the
    Kolmogorov-Smirnov, Cramér-von Mises and related statistics without extensive tables*, 1970) does.
    Intervals of a day depend on each other, which makes the chance too small; so a rank has drifted only if
    the distance is above 0.05 too.

    Examples
    --------
    >>> from retail_anomaly.core.events import PosEvent
    >>> drift([PosEvent("t-1", "s", "c", "k", 9.5, "SALE", 1_760_000_000_000)]).lines()
    ['No model has learned long enough to alert: give a longer log.']
    """
    settings = settings or Settings()
    events = load(events, zones=settings.zones, privacy=settings.privacy)  # read twice
    result = replay(events, settings=settings, detectors=list(MODELS), scores=True)
    assert result.scores is not None  # noqa: S101 - asked for
    return drift_of_scores(result.scores, _worked(pos_frame(events), settings), settings)


def drift_of_scores(scores: pd.DataFrame, worked: dict[str, np.ndarray], settings: Settings) -> Drift:
    """Return the drift of the models' scores.

    Parameters
    ----------
    scores
        As `replay` returns them with ``scores=True``.
    worked
        By store, a moment of each day that a cashier worked, in epoch milliseconds. Of a cashier who refunds
        nothing on a day there is no score.
    settings
        Have the limits.
    """
    judged = scores.dropna(subset="score")
    # A cashier's day is judged at each refund: its last judgement counts.
    judged = judged.sort_values("end", kind="stable").drop_duplicates(
        ["detector", "store_id", "subject", "start"], keep="last"
    )
    judged = judged.assign(chance=1 - judged["score"].astype("float64"))
    limits = {name: float(getattr(settings.detectors[name], "false_alarms", 0.0)) for name in MODELS}
    judged["flagged"] = judged["chance"] <= judged["detector"].map(limits).astype("float64") + 1e-9
    rows = []
    for (detector, store), own in judged.groupby(["detector", "store_id"], sort=False):
        chances = np.minimum(1.0, own["chance"].to_numpy() * _SIDES.get(str(detector), 1))
        number = len(own)
        if str(store) in worked and REGISTRY[str(detector)].per_cashier:
            # A day without a refund is not judged, and is no rare one.
            number = max(number, int((worked[str(store)] >= epoch_millis(own["start"]).min()).sum()))
        rows.append(
            (str(detector), str(store), number, *_distance(chances, number), int(own["flagged"].sum()))
        )
    ranks = pd.DataFrame(rows, columns=["detector", "store_id", "judged", "distance", "p_value", "flagged"])
    sides = ranks["detector"].map(lambda name: _SIDES.get(name, 1)).astype("float64")
    ranks["promised"] = ranks["judged"] * ranks["detector"].map(limits).astype("float64") * sides
    ranks["drifted"] = (ranks["p_value"] < _SURE) & (ranks["distance"] > _FAR)
    order = {store: place for place, store in enumerate(natural_order(set(ranks["store_id"])))}
    ranks = ranks.sort_values(
        ["detector", "store_id"],
        key=lambda column: column.map(order) if column.name == "store_id" else column,
        ignore_index=True,
    )
    return Drift(ranks, _components(judged), _levels(scores))


def _components(judged: pd.DataFrame) -> pd.DataFrame:
    found: pd.DataFrame = (
        judged.groupby(["detector", "component"], sort=False)
        .agg(decided=("flagged", "size"), flagged=("flagged", "sum"))
        .reset_index()
    )
    of_detector = found.groupby("detector")["flagged"].transform("sum")
    found["share"] = found["flagged"] / of_detector.where(of_detector > 0)
    return found.sort_values(
        ["detector", "flagged", "decided"], ascending=[True, False, False], ignore_index=True
    )


def _levels(scores: pd.DataFrame) -> pd.DataFrame:
    names = ["detector", "store_id", "subject", "relearned_on"]
    found = scores.dropna(subset="relearned_on")[names].drop_duplicates()
    found = found.rename(columns={"relearned_on": "accepted_on"})
    return found.sort_values(["accepted_on", "store_id", "subject"], ignore_index=True)


def _distance(chances: np.ndarray, number: int) -> tuple[float, float]:
    """Return the distance from a uniform distribution in its lower tail, and the chance of so large a one."""
    rare = np.sort(chances[chances <= _TAIL])
    reached = np.arange(1, len(rare) + 1) / number
    gaps = [abs(len(rare) / number - _TAIL), *np.abs(reached - rare), *np.abs(reached - 1 / number - rare)]
    distance = float(max(gaps))
    root = sqrt(number)
    scaled = (root + 0.12 + 0.11 / root) * distance
    terms = (2 * (-1) ** (k - 1) * exp(-2 * k * k * scaled * scaled) for k in range(1, 101))
    return distance, float(min(1.0, max(0.0, sum(terms)))) if scaled > 0.2 else 1.0


def _worked(lines: pd.DataFrame, settings: Settings) -> dict[str, np.ndarray]:
    """Return, by store, the last moment of each day that a cashier worked."""
    found = {}
    for store, own in lines.groupby("store_id", observed=True):
        times = epoch_millis(own["event_time"])
        days = local_days(times, zone_of(str(store), settings.zones))
        last = pd.Series(times).groupby([own["cashier_id"].to_numpy(), days]).max()
        found[str(store)] = last.to_numpy()
    return found


def _shown(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.round({"distance": 3, "p_value": 4, "promised": 1, "share": 2})
