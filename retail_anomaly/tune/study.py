"""The search: one Optuna study per detector, in memory or in a file that a later call continues."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import optuna
from optuna.samplers import TPESampler
from optuna.storages import BaseStorage, InMemoryStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from retail_anomaly.detectors import Parameters
from retail_anomaly.tune import TuneError
from retail_anomaly.tune.space import Space
from retail_anomaly.tune.store_share_trials import TrialOutcome

_IDENTITY: Final = "identity"


class Trial(NamedTuple):
    """Parameters and their outcome."""

    parameters: Parameters
    outcome: TrialOutcome

    def of_level(self, place: int | None) -> "Trial":
        """Return the trial with the outcome of a least confidence, see `TrialOutcome.of_level`."""
        return Trial(self.parameters, self.outcome.of_level(place))


class Search:
    """Propose parameters of one detector and learn from their outcomes.

    It looks for parameters that find much with few alerts. Each detector has its own search, because it
    does not depend on the parameters of the others; the shared budget is divided afterwards. A proposal
    with more alerts than the whole budget is infeasible, and the sampler learns to avoid such proposals.

    A proposal depends on the seed and on the earlier trials, not on interruptions.

    Parameters
    ----------
    space
        The parameters that may be proposed.
    study
        Optuna's study.
    seed
        Of the sampler.
    """

    def __init__(self, space: Space, study: optuna.Study, seed: int) -> None:
        self.space = space
        self._study = study
        self._seed = seed
        self._asked: optuna.Trial | None = None
        self.tried = [
            Trial(
                space.parameters(trial.params),
                msgspec.convert(trial.user_attrs["outcome"], TrialOutcome),
            )
            for trial in study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])
        ]
        for trial in study.get_trials(deepcopy=False, states=[TrialState.RUNNING]):
            study.tell(trial.number, state=TrialState.FAIL)  # of a process that was killed

    def propose(self) -> Parameters:
        """Return the next parameters to try."""
        purpose = f"{self._seed}/{self.space.detector}/{len(self.tried)}"
        seed = int.from_bytes(blake2b(purpose.encode(), digest_size=4).digest())
        self._study.sampler = TPESampler(seed=seed)
        self._asked = self._study.ask(dict(self.space.distributions()))
        return self.space.parameters(self._asked.params)

    def learn(self, parameters: Parameters, outcome: TrialOutcome, *, worth: float, excess: float) -> None:
        """Record the outcome of the last proposal.

        Parameters
        ----------
        parameters, outcome
            The proposal and its outcome.
        worth
            The share found, 0 to 1.
        excess
            Alerts per store-day above the budget; 0 or less: within it.
        """
        trial, self._asked = self._asked, None
        assert trial is not None  # noqa: S101 - proposed before learnt
        trial.set_user_attr("outcome", msgspec.to_builtins(outcome))
        trial.set_constraint("alerts over the budget", excess)
        self._study.tell(trial, [worth, excess])
        self.tried.append(Trial(parameters, outcome))


def searches(
    spaces: Sequence[Space], *, file: Path | None, identity: Mapping[str, str], seed: int
) -> list[Search]:
    """Return a search for each detector; those in a file continue where they stopped.

    Parameters
    ----------
    spaces
        The parameters that may be proposed.
    file
        Where the trials are kept; None: nowhere.
    identity
        Everything that the outcomes depend on, see `study_identity`; kept with the trials.
    seed
        Of the samplers.

    Raises
    ------
    TuneError
        The file is no study, or one of something else.
    """
    storage = _storage(file)
    found = []
    for space in spaces:
        study = optuna.create_study(
            storage=storage,
            study_name=space.detector,
            directions=["maximize", "minimize"],
            load_if_exists=True,
        )
        before = study.user_attrs.get(_IDENTITY)
        if before is None:
            study.set_user_attr(_IDENTITY, dict(identity))
        elif different := [name for name, text in identity.items() if before.get(name) != text]:
            raise TuneError(
                f"{file}: the trials in it are of another {' and another '.join(different)}: "
                "name another file with --study, or delete this one"
            )
        found.append(Search(space, study, seed))
    return found


@contextmanager
def quiet() -> Iterator[None]:
    """Let Optuna log warnings only."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


def _storage(file: Path | None) -> BaseStorage:
    if file is None:
        return InMemoryStorage()
    if file.exists() and file.stat().st_size:
        # Optuna skips lines that it can't read, or fails in many ways.
        with file.open("rb") as lines:
            try:
                msgspec.json.decode(next(lines), type=_Journal)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                raise TuneError(f"{file}: no study: name another file with --study") from None
    return JournalStorage(JournalFileBackend(str(file)))


class _Journal(msgspec.Struct):
    """How a line of Optuna's journal begins."""

    op_code: int
    worker_id: str
