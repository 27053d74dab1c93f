"""An anomaly detector of River, chosen by its name and tried out when settings are read."""

from collections.abc import Mapping
from difflib import get_close_matches
from functools import lru_cache
from importlib import import_module
from importlib.metadata import version
from inspect import isclass, isfunction, signature
from math import nan
from typing import Any, Final, TypeAlias

import msgspec

from retail_anomaly.core.errors import RetailAnomalyError
from retail_anomaly.core.extras import extra_imports
from retail_anomaly.models.river_state import RefusedStateError, UnstorableError, pack, unpack
from retail_anomaly.models.river_state.permitted import Permitted

PACKAGED: Final = "packaged"
"""The name of the model that this package brings."""
NO_SCALER: Final = "none"

Value: TypeAlias = bool | int | float | str | None
Features: TypeAlias = dict[str, float]


class ModelError(RetailAnomalyError):
    """The River detector that you chose failed on data; the text is one line that shows the data.

    Examples
    --------
    >>> raise ModelError("my.Detector failed on {'refunds': 1.0}: ValueError: too few")
    Traceback (most recent call last):
    retail_anomaly.models.river_choice.ModelError: my.Detector failed on {'refunds': 1.0}: ValueError: too few
    """


class RiverChoice(msgspec.Struct, frozen=True):
    """Name a detector, its arguments and the scaler before it.

    Parameters
    ----------
    model
        The dotted path of a class: one of River's, or your own; or of a function of yours that returns a
        detector, a filter around one, or a pipeline that ends in one.
    parameters
        The arguments of either. A detector that takes a `seed` gets 0 unless you give one, so that the same
        events give the same alerts.
    scaler
        A transformer's dotted path, or ``none``.

    Examples
    --------
    >>> trees = "river.anomaly.HalfSpaceTrees"
    >>> choice = RiverChoice(trees, {"n_trees": 5}, "river.preprocessing.MinMaxScaler")
    >>> detector, scaler = choice.make()
    >>> detector.n_trees, detector.seed, type(scaler).__name__
    (5, 0, 'MinMaxScaler')
    """

    model: str
    parameters: Mapping[str, Value] = {}
    scaler: str = NO_SCALER

    def make(self) -> tuple[Any, Any]:
        """Return a new detector and its scaler for `learn` and `score`; the scaler may be None.

        Raises
        ------
        ValueError
            The class does not exist, is not a detector or transformer, or does not take the arguments.
            The text begins with the setting that is wrong.
        """
        with extra_imports():
            from river import base

        chosen = _find("model", self.model, _detectors())
        scaler = None
        if self.scaler != NO_SCALER:
            scaler = _made("scaler", _find("scaler", self.scaler, (base.Transformer,)), {})
        taken = signature(chosen).parameters
        seed = {"seed": 0} if "seed" in taken else {}
        detector = _made("model_parameters", chosen, seed | dict(self.parameters))
        if not _is_detector(detector):
            found = type(detector).__qualname__
            raise ValueError(
                f"model: {self.model} returns no anomaly detector of River's kind, but a {found}"
            )
        return detector, scaler

    @property
    def permitted(self) -> Permitted:
        """The classes and functions that its stored state may name."""
        return _permitted(_find("model", self.model, _detectors()), *self._key)

    @property
    def river_version(self) -> str:
        """The version of River that runs."""
        return version("river")

    def try_out(self, example: Features) -> None:
        """Make the detector, let it score and learn an example, and store it, to find mistakes early.

        Raises
        ------
        ValueError
            That fails. The text begins with the setting that is wrong.

        Examples
        --------
        >>> RiverChoice("river.anomaly.HalfSpaceTree").try_out({"refunds": 1.0})
        Traceback (most recent call last):
        ValueError: model: there is no river.anomaly.HalfSpaceTree; did you mean HalfSpaceTrees?
        """
        _try_out(_find("model", self.model, _detectors()), *self._key, tuple(example.items()))

    @property
    def _key(self) -> tuple[str, tuple[tuple[str, Value], ...], str]:
        return self.model, tuple(sorted(self.parameters.items())), self.scaler


def is_failure(error: BaseException) -> bool:
    """Tell whether an error is one that a detector may raise: River's part in Rust panics.

    Examples
    --------
    >>> is_failure(ValueError()), is_failure(KeyboardInterrupt())
    (True, False)
    """
    return isinstance(error, Exception) or type(error).__name__ == "PanicException"


def learn(detector: Any, scaler: Any, x: Features) -> None:
    """Let a detector and its scaler learn features; the first is the target of a supervised detector."""
    if scaler is not None:
        scaler.learn_one(x)
    given, target = _given(scaler, x)
    if is_supervised(detector):
        detector.learn_one(given, target)
    else:
        detector.learn_one(given)


def score(detector: Any, scaler: Any, x: Features) -> float:
    """Return how anomalous features are on the detector's own scale; NaN after an arithmetic error."""
    given, target = _given(scaler, x)
    try:
        if is_supervised(detector):
            detector, given = _last_of(detector, given)
            return float(detector.score_one(given, target))
        return float(detector.score_one(given))
    except ArithmeticError:  # PredictiveAnomalyDetection divides by its errors, which are all zero at first
        return nan


def _given(scaler: Any, x: Features) -> tuple[Features, float]:
    target = next(iter(x.values()))
    return (x if scaler is None else scaler.transform_one(x)), target


# Settings are read and checked many times. A class that was defined anew, as in a notebook, is another one.
@lru_cache(maxsize=32)
def _try_out(
    named: Any,
    model: str,
    parameters: tuple[tuple[str, Value], ...],
    scaler: str,
    example: tuple[tuple[str, float], ...],
) -> None:
    choice = RiverChoice(model, dict(parameters), scaler)
    detector, before = choice.make()
    try:
        for _ in range(2):
            learn(detector, before, dict(example))
            score(detector, before, dict(example))
    except BaseException as error:
        if not is_failure(error):
            raise
        raise ValueError(f"model_parameters: {model} does not work with them: {said(error)}") from None
    permitted = choice.permitted
    try:
        unpack(pack((detector, before), permitted), permitted)
    except (UnstorableError, RefusedStateError) as error:
        raise ValueError(f"model: {model} can't be stored: {error}") from None


def _last_of(detector: Any, x: Features) -> tuple[Any, Features]:
    """Return the last step of a pipeline, whose own `score_one` takes no target, and the features it gets."""
    from river.compose import Pipeline

    while isinstance(detector, Pipeline):
        detector, x = list(detector.steps.values())[-1], detector.transform_one(x)
    return detector, x


@lru_cache(maxsize=32)
def _permitted(named: Any, model: str, parameters: tuple[tuple[str, Value], ...], scaler: str) -> Permitted:
    # The settings name the module of the class or function, so its classes are trusted as it is.
    return Permitted(RiverChoice(model, dict(parameters), scaler).make(), named.__module__)


def _detectors() -> tuple[type, ...]:
    from river import base

    return (base.AnomalyDetector, base.SupervisedAnomalyDetector)


def is_supervised(detector: Any) -> bool:
    """Tell whether a detector of River learns from targets; a pipeline does if its last step does."""
    return bool(detector._supervised)


def _is_detector(made: Any) -> bool:
    """Tell whether it is a detector, a filter around one, or a pipeline that ends in one of these."""
    from river import base, compose

    if isinstance(made, compose.Pipeline):
        return bool(len(made)) and _is_detector(made._last_step)
    if isinstance(made, base.AnomalyFilter):
        return _is_detector(made._wrapped_model)
    return isinstance(made, _detectors())


def _find(setting: str, path: str, kinds: tuple[type, ...]) -> Any:
    module_name, _, name = path.rpartition(".")
    wanted = "an anomaly detector" if setting == "model" else "a transformer"
    if not module_name:
        example = (
            "packaged or a class of River such as river.anomaly.HalfSpaceTrees"
            if setting == "model"
            else "none or a class of River such as river.preprocessing.MinMaxScaler"
        )
        raise ValueError(f"{setting}: expected {example}, got {path!r}")
    try:
        module = import_module(module_name)
    except ImportError as error:
        raise ValueError(f"{setting}: there is no {path}: {said(error)}") from None
    named = getattr(module, name, None)
    if named is None:
        known = [key for key, value in vars(module).items() if isclass(value) and issubclass(value, kinds)]
        close = get_close_matches(name, known, n=1) or [", ".join(sorted(known)) or wanted]
        raise ValueError(f"{setting}: there is no {path}; did you mean {close[0]}?")
    if setting == "model" and isfunction(named):
        return named
    if not (isclass(named) and issubclass(named, kinds)):
        raise ValueError(f"{setting}: {path} is not {wanted} of River's kind")
    return named


def _made(setting: str, kind: Any, parameters: Mapping[str, Value]) -> Any:
    try:
        return kind(**parameters)
    except Exception as error:  # noqa: BLE001 - whatever a class of somebody else raises
        taken = ", ".join(signature(kind).parameters) or "nothing"
        raise ValueError(f"{setting}: {said(error)}; {kind.__name__} takes {taken}") from None


def said(error: BaseException) -> str:
    """Return an error's name and text in one line.

    Examples
    --------
    >>> said(ValueError("too  few"))
    'ValueError: too few'
    """
    return " ".join(f"{type(error).__name__}: {error}".split())
