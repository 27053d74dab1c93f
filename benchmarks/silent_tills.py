"""What `sales_deviation` tells of single silent tills: ``python -m benchmarks.silent_tills``.

In clean worlds nothing is wrong: what is flagged is flagged falsely. In the others a till is silent for an
hour on a quarter of the days, and four of five of its customers go to another; the whole store's tills fail,
and prices are wrong, on a tenth of the days each. The simulator's tills go with the shifts. With
``checkouts`` four self-checkouts and a till are always open, and a second till at five hours of the day.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from multiprocessing import Pool
from statistics import median
from typing import Final

import msgspec
from sklearn.metrics import average_precision_score

from data_gen import SCENARIOS, Simulation
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.engine import Engine
from retail_anomaly.core.events import PosEvent
from retail_anomaly.core.score import Score
from retail_anomaly.detectors.sales_deviation import SalesDeviation, SalesDeviationParameters

SEEDS: Final = (421, 422, 423, 424)
HOUR: Final = 3_600_000
DAY: Final = 24 * HOUR
DAYS, FIRST = 70, 28
ONE_TILL: Final = "one_till"
_CHECKOUTS: Final = {"sco-1": 0.2, "sco-2": 0.18, "sco-3": 0.13, "sco-4": 0.06, "till-1": 0.3}
_PEAKS: Final = (11, 12, 16, 17, 18)


@dataclass(frozen=True)
class Wrong:
    """Something that is wrong: a till or the whole store is silent, or a price is."""

    start: int
    end: int
    scenario: str
    register: str | None = None


@dataclass(frozen=True)
class Judged:
    """The scores and the alerts of the days that count."""

    scores: list[Score]
    alerts: list[Alert]
    wrong: list[Wrong]


def judged(kind: str, seed: int, volume: str, is_clean: bool, is_bare: bool, false_alarms: float) -> Judged:
    """Simulate one store and replay it; a bare log names no tills."""
    rates = {} if is_clean else {"till_outage": 0.1, "price_error": 0.1}
    simulation = Simulation(
        stores=1,
        days=DAYS,
        seed=seed,
        start=date(2025, 1, 6),
        incident_rate=0.0 if is_clean else 1.0,
        distractor_rate=0.0,
        scenarios=[replace(SCENARIOS[name], rate=rate, first_day=FIRST) for name, rate in rates.items()],
        volumes=[volume],
    )
    lines = [e for e in simulation.events() if isinstance(e, PosEvent) and e.event_type in ("SALE", "REFUND")]
    if kind == "checkouts":
        lines = at_checkouts(lines, random.Random(seed * 7 + 1))
    wrong = [Wrong(i.start, i.end, i.scenario) for i in simulation.incidents]
    if not is_clean:
        lines = with_silent_tills(lines, wrong, random.Random(seed * 13 + 5))
    if is_bare:
        lines = [msgspec.structs.replace(line, register_id=None) for line in lines]
    return replayed(lines, wrong, false_alarms)


def at_checkouts(lines: Iterable[PosEvent], rng: random.Random) -> list[PosEvent]:
    """Give each receipt a till by fixed shares."""
    tills: dict[str, str] = {}
    moved = []
    for line in lines:
        if line.transaction_id not in tills:
            shares = dict(_CHECKOUTS)
            if line.event_time % DAY // HOUR in _PEAKS:
                shares["till-2"] = 0.2
            tills[line.transaction_id] = rng.choices(list(shares), list(shares.values()))[0]
        moved.append(msgspec.structs.replace(line, register_id=tills[line.transaction_id]))
    return moved


def with_silent_tills(lines: Sequence[PosEvent], wrong: list[Wrong], rng: random.Random) -> list[PosEvent]:
    """Silence a till for an hour on a quarter of the days on which nothing else is wrong."""
    days: dict[int, list[PosEvent]] = {}
    for line in lines:
        days.setdefault(line.event_time // DAY, []).append(line)
    taken = {one.start // DAY for one in wrong}
    kept: list[PosEvent] = []
    for number, day in enumerate(sorted(days)):
        if number >= FIRST and day not in taken and rng.random() < 0.25:
            kept += _silenced(days[day], wrong, rng)
        else:
            kept += days[day]
    return kept


def _silenced(lines: list[PosEvent], wrong: list[Wrong], rng: random.Random) -> list[PosEvent]:
    times: dict[str, dict[str, int]] = {}
    for line in lines:
        if line.event_type == "SALE" and line.register_id:
            times.setdefault(line.register_id, {})[line.transaction_id] = line.event_time
    spans = {till: sorted(of.values()) for till, of in sorted(times.items()) if len(of) >= 8}
    spans = {till: of for till, of in spans.items() if of[-1] - of[0] > 4 * HOUR}
    if not spans or len(times) == 1:
        return lines
    till = rng.choice(list(spans))
    start = rng.randint(spans[till][0] + HOUR // 2, spans[till][-1] - HOUR)
    wrong.append(Wrong(start, start + HOUR, ONE_TILL, till))
    moved: dict[str, str | None] = {}
    kept = []
    for line in lines:
        if line.register_id == till and start <= line.event_time <= start + HOUR:
            if line.transaction_id not in moved:
                at = line.event_time
                near = {o.register_id for o in lines if abs(o.event_time - at) < HOUR // 2} - {till, None}
                goes = near and rng.random() < 0.8
                moved[line.transaction_id] = rng.choice(sorted(map(str, near))) if goes else None
            other = moved[line.transaction_id]
            if other is not None:
                kept.append(msgspec.structs.replace(line, register_id=other))
        else:
            kept.append(line)
    return kept


def replayed(lines: Iterable[PosEvent], wrong: list[Wrong], false_alarms: float) -> Judged:
    """Replay a store and keep the days that count."""
    detector = SalesDeviation(SalesDeviationParameters(false_alarms=false_alarms), max_late=DAY)
    scores: list[Score] = []
    detector.listener = scores.append
    engine = Engine([detector])
    store, alerts, first = None, list[Alert](), 0
    for line in lines:
        if store is None:
            store, first = engine.new_store(line.store_id), (line.event_time // DAY + FIRST) * DAY
        alerts += engine.process(line, store)
    return Judged(
        [score for score in scores if score.start >= first and score.score is not None],
        [alert for alert in alerts if alert.revision == 1 and alert.event_time >= first],
        wrong,
    )


def realised(worlds: Sequence[Judged], share: float) -> float:
    """Return how many quarters are flagged at a limit, over how many may be; either side may alert."""
    scores = [score.score or 0.0 for world in worlds for score in world.scores]
    return sum(score >= 1 - share for score in scores) / len(scores) / share / 2


def found(worlds: Sequence[Judged], scenario: str) -> str:
    """Return how many of a scenario's incidents have an alert, and the median of minutes until then."""
    minutes: list[float | None] = []
    for world in worlds:
        for one in world.wrong:
            if one.scenario == scenario:
                times = [
                    alert.event_time - one.start
                    for alert in world.alerts
                    if alert.evidence.get("registerId") == one.register
                    and one.start < alert.event_time <= one.end + HOUR
                ]
                minutes.append(min(times) / 60_000 if times else None)
    told = [value for value in minutes if value is not None]
    share = f"{len(told)} of {len(minutes)}, {len(told) / max(len(minutes), 1):.2f}"
    return f"{share} ({median(told):.0f} min)" if told else share


def precision(worlds: Sequence[Judged]) -> float:
    """Return the average precision of quarters of an hour, the mean of the worlds."""
    values = []
    for world in worlds:
        labels = [
            any(one.start < score.end and score.start <= one.end for one in world.wrong)
            for score in world.scores
        ]
        values.append(average_precision_score(labels, [score.score or 0.0 for score in world.scores]))
    return float(sum(values) / len(values))


def a_day(worlds: Sequence[Judged]) -> float:
    """Return the alerts of a store in a day."""
    return sum(len(world.alerts) for world in worlds) / len(worlds) / (DAYS - FIRST)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.silent_tills", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--volumes", nargs="+", default=["medium"], choices=["small", "medium", "large"])
    parser.add_argument("--bare", action="store_true", help="leave the tills' names out of the events")
    parser.add_argument("--false-alarms", type=float, default=SalesDeviationParameters().false_alarms)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with Pool(options.workers) as pool:
        for volume in options.volumes:
            for kind in ("shifts", "checkouts"):
                clean, bad = (
                    pool.starmap(
                        judged,
                        [
                            (kind, seed, volume, is_clean, options.bare, options.false_alarms)
                            for seed in options.seeds
                        ],
                        1,
                    )
                    for is_clean in (True, False)
                )
                print(
                    f"{volume}, {kind}: false at 0.002 {realised(clean, 0.002):.2f} of nominal, "
                    f"at 0.01 {realised(clean, 0.01):.2f}; average precision {precision(bad):.3f}; "
                    f"alerts a day {a_day(clean):.2f} in clean worlds, "
                    f"{a_day(bad):.2f} in the others",
                    *(f"{name} {found(bad, name)}" for name in (ONE_TILL, "till_outage", "price_error")),
                    sep="; ",
                    flush=True,
                )


if __name__ == "__main__":
    main()
