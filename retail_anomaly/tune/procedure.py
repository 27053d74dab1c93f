"""The tuning procedure: search, choose, and measure the choice on days that took no part in it."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

import msgspec
import pandas as pd

from retail_anomaly.cases import Prior
from retail_anomaly.detectors import Parameters
from retail_anomaly.evaluate import Scorecard, scorecard
from retail_anomaly.evaluate.calibration import are_right
from retail_anomaly.frames.alerts import last_revisions
from retail_anomaly.replay.executors import LOCAL
from retail_anomaly.replay.interrupts import Interrupts
from retail_anomaly.replay.progress import is_shown, progress_bar
from retail_anomaly.replay.shared_work import Where as Runs
from retail_anomaly.replay.shared_work import check_shared
from retail_anomaly.settings import Settings, SettingsError, with_parameters
from retail_anomaly.settings.privacy_settings import NO_PSEUDONYMS
from retail_anomaly.sources import Where, open_input
from retail_anomaly.sources.bucketed_log import place_of, read_manifest
from retail_anomaly.sources.loaded import Events, zoned
from retail_anomaly.tune import TuneError, TuneUsageError
from retail_anomaly.tune.all_store_shares import AllStoreShares
from retail_anomaly.tune.choose import Combination, choose, combined
from retail_anomaly.tune.identity import study_identity
from retail_anomaly.tune.space import Space
from retail_anomaly.tune.split import HELD_OUT, TUNED
from retail_anomaly.tune.store_share_trials import LEVELS, TrialOutcome
from retail_anomaly.tune.study import Search, Trial, quiet, searches
from retail_anomaly.tune.trial_tables import candidates_frame, frontier_frame, trials_frame
from retail_anomaly.tune.truth import Objective, SplitTruth
from retail_anomaly.tune.tuning import AFTER, BEFORE, Tuning
from retail_anomaly.workers import detectors_are_importable

SPLIT: Final = 0.6
TRIALS: Final = 30
BUDGET: Final = 1.0

Advance: TypeAlias = Callable[[int], None]


def tune(  # noqa: PLR0913 - by name only
    log: Where,
    incidents: pd.DataFrame,
    *,
    settings: Settings | None = None,
    budget: float = BUDGET,
    trials: int = TRIALS,
    objective: Objective = "recall",
    detectors: Sequence[str] | None = None,
    split: float = SPLIT,
    jobs: int = 1,
    seed: int = 0,
    study: Path | str | None = None,
    progress: bool | None = None,
    executor: Runs | None = None,
) -> Tuning:
    """Look for the parameters that find most within a budget of alerts.

    The parameters are chosen on the first days of the log and measured on the last ones, the held-out days.
    State carries over: the held-out days are replayed after the others, and only their alerts count.

    Parameters
    ----------
    log
        Event logs, a folder or tables, as `replay` takes them, or `Events`.
    incidents
        The truth, as `read_incidents` returns it.
    settings
        Where to begin; by default the packaged settings.
    budget
        Alerts per store-day that all detectors together may raise on average.
    trials
        Number of parameter sets to try for each detector.
    objective
        ``recall``: find as many incidents as possible; ``loss``: as much of their expected loss as possible.
    detectors
        Names of the detectors to tune; by default all that are enabled and have ranges, those that you
        registered among them. The others run unchanged, and their alerts count.
    split
        The share of the log's days that is tuned on.
    jobs
        Number of processes that share the stores; the result does not depend on it. If a registered
        detector is defined in the script or notebook itself, one process does all the work.
    seed
        Seed of the search; the same seed gives the same result.
    study
        A file that keeps the trials. A second call with it continues where the first one stopped.
    progress
        Show a progress bar; by default on a terminal, on standard error, and in a notebook.
    executor
        For a log in buckets, as `retail-anomaly partition` writes it: an executor of `concurrent.futures`,
        ``dask://host:port``, ``dask+tls://host:port`` or ``ray://host:port``. Each trial reads each bucket
        there, so that no worker keeps more than one in memory. ``local``: `jobs` processes share the stores.
        The result does not depend on it.

    Returns
    -------
    Tuning
        The settings to use, the trials, and scorecards before and after.

    Raises
    ------
    TuneError
        There is nothing to tune, nothing keeps the budget, or the study belongs to another tuning.
    SourceError
        The log can't be read.
    SettingsError
        There is no detector of this name.
    UsageError
        With an `executor`: the log is none in buckets.
    ClusterError
        The cluster of `executor` does not answer, or its workers can't do the work.
    MissingExtraError
        Optuna is not installed.

    Notes
    -----
    Each detector has a search of its own, by Optuna's tree-structured Parzen estimator (Bergstra and
    others, *Algorithms for Hyper-Parameter Optimization*, 2011), with two objectives: more found and fewer
    alerts. One replay tries one proposal for each detector. Detectors don't interact, so the parameters
    from any trial of one detector can be combined with those from any trial of another, and all
    combinations compete for the budget.
    """
    settings = settings or Settings()
    _check(budget=budget, trials=trials, split=split, jobs=jobs)
    privacy = log.privacy if isinstance(log, Events) else NO_PSEUDONYMS
    if executor is not None:
        check_shared(executor)
        read_manifest(place_of(log))
    if executor in (None, LOCAL):
        executor, log = None, zoned(log, settings.zones)
        jobs = _jobs(log, jobs)
    spaces = _spaces(settings, detectors)
    enabled = [name for name, parameters in settings.detectors.items() if parameters.enabled]
    with (
        Interrupts() as interrupts,
        quiet(),
        _bar(trials, progress) as advance,
        AllStoreShares(log, jobs, executor, privacy) as stores,
    ):
        facts = stores.facts
        truth = SplitTruth.of(facts, incidents, settings, split=split, objective=objective)
        most = int(budget * truth.tuned_store_days + 1e-9)
        stores.begin(truth.incidents[TUNED], truth.days.cuts, most)
        outcomes = stores.outcomes(settings, enabled, limited=False)
        base = {name: Trial(settings.detectors[name], outcomes[name]) for name in enabled}
        identity = study_identity(facts, truth, settings, budget=budget, objective=objective)
        with interrupts.held():
            running = searches(
                spaces, file=None if study is None else Path(study), identity=identity, seed=seed
            )
        steps = _Steps(advance, interrupts)
        _search(running, base, stores, settings, trials=trials, truth=truth, budget=budget, steps=steps)
        tried = {search.space.detector: search.tried for search in running}
        least, front = _best_level(spaces, base, tried, truth, most, settings.min_confidence)
        if not front:
            raise TuneError(_too_little(base, tried, truth, budget))
        tuned = msgspec.structs.replace(with_parameters(settings, front[-1].parameters), min_confidence=least)
        before = stores.alerts(settings)
        after = before if tuned == settings else stores.alerts(tuned)
    cards = {
        (part, when): _card(alerts, truth, part, settings)
        for part in (TUNED, HELD_OUT)
        for when, alerts in ((BEFORE, before), (AFTER, after))
    }
    return Tuning(
        base=settings,
        tuned=tuned,
        budget=budget,
        objective=objective,
        truth=truth,
        scorecards=cards,
        trials=trials_frame(base, tried, truth),
        candidates=candidates_frame(tried, truth),
        frontier=frontier_frame(front, truth),
        start=combined(base, truth.worth),
        bad_lines=facts.bad_lines,
        first_bad=facts.first_bad,
        priors={when: _priors(alerts, truth) for when, alerts in ((BEFORE, before), (AFTER, after))},
    )


def _priors(alerts: pd.DataFrame, truth: SplitTruth) -> dict[str, Prior]:
    """Return the precision of each type of alert on the days tuned on, for the order of reading."""
    own = last_revisions(alerts[(truth.days.of_alerts(alerts) == TUNED).to_numpy()])
    right = pd.Series(are_right(own, truth.incidents[TUNED]), index=own.index)
    return {
        str(kind): Prior.of_labelled(int(rows.sum()), len(rows)) for kind, rows in right.groupby(own["type"])
    }


def _best_level(
    spaces: Sequence[Space],
    base: Mapping[str, Trial],
    tried: Mapping[str, Sequence[Trial]],
    truth: SplitTruth,
    most: int,
    begun: float,
) -> tuple[float, list[Combination]]:
    """Return the least confidence whose best combination finds most, and the combinations at it.

    Of equal ones the first: the confidence to begin with, then none, then the lower one.
    """

    def best_of(place: int | None) -> list[Combination]:
        return choose(
            spaces,
            {name: one.of_level(place) for name, one in base.items()},
            {name: [one.of_level(place) for one in every] for name, every in tried.items()},
            truth.worth,
            most,
        )

    least, front = begun, best_of(_level_of(begun))
    for level, place in ((0.0, None), *zip(LEVELS, range(len(LEVELS)), strict=True)):
        other = best_of(place)
        if other and other[-1].worth > (front[-1].worth if front else 0.0):
            least, front = level, other
    return least, front


def _level_of(least: float) -> int | None:
    """Return the place of the highest level that is not above a least confidence."""
    below = [place for place, level in enumerate(LEVELS) if level <= least + 1e-9]
    return below[-1] if below else None


def _search(
    running: Sequence[Search],
    base: Mapping[str, Trial],
    stores: AllStoreShares,
    settings: Settings,
    *,
    trials: int,
    truth: SplitTruth,
    budget: float,
    steps: "_Steps",
) -> None:
    """Try proposals until every search has enough of them."""
    known: dict[tuple[str, Parameters], TrialOutcome] = {
        (name, one.parameters): one.outcome for name, one in base.items()
    }
    for search in running:
        known |= {(search.space.detector, one.parameters): one.outcome for one in search.tried}
    while lacking := [search for search in running if len(search.tried) < trials]:
        steps.begin(min(len(search.tried) for search in lacking))
        with steps.whole():
            proposed = {search.space.detector: search.propose() for search in lacking}
        # Parameters that were tried before are not run again.
        new = {name: one for name, one in proposed.items() if (name, one) not in known}
        if new:
            outcomes = stores.outcomes(with_parameters(settings, new), list(new))
            known |= {(name, new[name]): outcome for name, outcome in outcomes.items()}
        for search in lacking:
            parameters = proposed[search.space.detector]
            outcome = known[search.space.detector, parameters]
            # A minimum confidence can bring many alerts into the budget.
            chosen = outcome.within(int(budget * truth.tuned_store_days + 1e-9))
            with steps.whole():
                search.learn(
                    parameters,
                    outcome,
                    worth=truth.worth(frozenset(chosen.found)),
                    excess=chosen.alerts / truth.tuned_store_days - budget,
                )
    steps.begin(trials)


class _Steps(NamedTuple):
    """The steps of the search: they are shown, and a signal does not stop one in the middle of a write.

    Optuna leaves its lock file behind if an interrupt comes at a wrong moment, and the next search then
    waits for half a minute.
    """

    advance: Advance
    interrupts: Interrupts

    def begin(self, done: int) -> None:
        self.interrupts.check()
        self.advance(done)

    def whole(self) -> AbstractContextManager[None]:
        return self.interrupts.held()


def _card(alerts: pd.DataFrame, truth: SplitTruth, part: str, settings: Settings) -> Scorecard:
    return scorecard(
        alerts[(truth.days.of_alerts(alerts) == part).to_numpy()].reset_index(drop=True),
        truth.incidents[part],
        store_days={str(store): days for store, days in truth.days.store_days[part].items()},
        zones={store: settings.zone(store).key for store in truth.days.cuts},
    )


def _too_little(
    base: Mapping[str, Trial], tried: Mapping[str, Sequence[Trial]], truth: SplitTruth, budget: float
) -> str:
    # The fewest alerts are those of the highest level.
    alone = sum(one.of_level(-1).outcome.alerts for name, one in base.items() if name not in tried)
    if alone > budget * truth.tuned_store_days:
        others = ", ".join(name for name in base if name not in tried)
        return (
            f"the detectors that are not tuned ({others}) raise {alone / truth.tuned_store_days:.2f} alerts "
            f"a store-day, more than the budget of {budget:g}: allow more with --budget, name them with "
            "--detectors, or switch one off in the configuration"
        )
    every = {name: [one, *tried.get(name, ())] for name, one in base.items()}
    quietest = min(_finding(every, set(tried)), default=0) / truth.tuned_store_days
    return (
        f"nothing that was tried finds an incident and keeps the budget of {budget:g} alerts a store-day, "
        f"the quietest that finds one raises {quietest:.2f}: allow more with --budget or try more --trials"
    )


def _finding(every: Mapping[str, Sequence[Trial]], tuned: Collection[str]) -> Iterator[int]:
    """Yield, for each level, the fewest alerts with which a detector finds something beside the others."""
    for place in (None, *range(len(LEVELS))):
        outcomes = {name: [one.of_level(place).outcome for one in trials] for name, trials in every.items()}
        alone = sum(own[0].alerts for name, own in outcomes.items() if name not in tuned)
        for name, own in outcomes.items():
            finding = [one.alerts for one in own if one.found]
            if finding:
                yield alone + (min(finding) if name in tuned else 0)


# --- Arguments --------------------------------------------------------------------------------


def _jobs(log: Where, jobs: int) -> int:
    """Return how many processes can share the stores."""
    if jobs == 1 or not detectors_are_importable():
        return 1
    if not open_input(log).divisible:
        raise TuneUsageError(
            "several processes read the log each for itself, and standard input and events in memory can be "
            "read only once: give files, or jobs=1 (--jobs 1)"
        )
    return jobs


def _check(*, budget: float, trials: int, split: float, jobs: int) -> None:
    if not 0 < budget < float("inf"):
        raise TuneUsageError(f"--budget: expected alerts a store-day, more than 0, got {budget:g}")
    if trials < 1:
        raise TuneUsageError(f"--trials: expected 1 or more, got {trials}")
    if not 0 < split < 1:
        raise TuneUsageError(f"--split: expected a share of the days between 0 and 1, got {split:g}")
    if jobs < 1:
        raise TuneUsageError(f"--jobs: expected 1 or more, got {jobs}")


def _spaces(settings: Settings, detectors: Sequence[str] | None) -> list[Space]:
    for name in detectors or ():
        if name not in settings.detectors:
            raise SettingsError(
                f"unknown detector {name!r}; the detectors are {', '.join(settings.detectors)}"
            )
        if not settings.detectors[name].enabled:
            raise TuneUsageError(
                f"{name} is not enabled, so it can't be tuned: enable it in the configuration"
            )
        if not settings.detectors[name].ranges():
            raise TuneUsageError(f"{name} has no parameter that is tuned")
    spaces = [
        Space(name, parameters)
        for name, parameters in settings.detectors.items()
        if (parameters.enabled if detectors is None else name in detectors) and parameters.ranges()
    ]
    if not spaces:
        raise TuneUsageError("no enabled detector has a parameter that is tuned")
    return spaces


@contextmanager
def _bar(trials: int, progress: bool | None) -> Iterator[Advance]:
    """Show how many trials are done; until the first begins, that the log is read."""
    if not is_shown(progress):
        yield lambda done: None
        return
    with progress_bar("reading the log") as update:
        yield lambda done: update(f"{done} of {trials} trials", done / trials)
