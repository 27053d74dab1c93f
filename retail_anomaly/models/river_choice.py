"""An anomaly detector of River, chosen by its name and tried out when settings are read."""

from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from inspect import isclass, signature
from math import nan
from typing import Any, Final, TypeAlias

import msgspec

from retail_anomaly.core.errors import RetailAnomalyError
from retail_anomaly.core.extras import extra_imports

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
        The dotted path of a class: one of River's, or your own.
    parameters
        Its arguments. A detector that takes a `seed` gets 0 unless you give one, so that the same events give
        the same alerts.
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

        chosen = _find("model", self.model, (base.AnomalyDetector, base.SupervisedAnomalyDetector))
        scaler = None
        if self.scaler != NO_SCALER:
            scaler = _made("scaler", _find("scaler", self.scaler, (base.Transformer,)), {})
        taken = signature(chosen).parameters
        seed = {"seed": 0} if "seed" in taken else {}
        return _made("model_parameters", chosen, seed | dict(self.parameters)), scaler

    def try_out(self, example: Features) -> None:
        """Make the detector and let it score and learn an example, to find mistakes early.

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
        detector, scaler = self.make()
        try:
            for _ in range(2):
                learn(detector, scaler, example)
                score(detector, scaler, example)
        except Exception as error:  # noqa: BLE001 - whatever a class of somebody else raises
            raise ValueError(
                f"model_parameters: {self.model} does not work with them: {_said(error)}"
            ) from None


def learn(detector: Any, scaler: Any, x: Features) -> None:
    """Let a detector and its scaler learn features; the first is the target of a supervised detector."""
    if scaler is not None:
        scaler.learn_one(x)
    given, target = _given(scaler, x)
    if _is_supervised(detector):
        detector.learn_one(given, target)
    else:
        detector.learn_one(given)


def score(detector: Any, scaler: Any, x: Features) -> float:
    """Return how anomalous features are on the detector's own scale; NaN after an arithmetic error."""
    given, target = _given(scaler, x)
    try:
        if _is_supervised(detector):
            return float(detector.score_one(given, target))
        return float(detector.score_one(given))
    except ArithmeticError:  # PredictiveAnomalyDetection divides by its errors, which are all zero at first
        return nan


def _given(scaler: Any, x: Features) -> tuple[Features, float]:
    target = next(iter(x.values()))
    return (x if scaler is None else scaler.transform_one(x)), target


def _is_supervised(detector: Any) -> bool:
    from river.base import SupervisedAnomalyDetector

    return isinstance(detector, SupervisedAnomalyDetector)


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
        raise ValueError(f"{setting}: there is no {path}: {_said(error)}") from None
    named = getattr(module, name, None)
    if named is None:
        known = [key for key, value in vars(module).items() if isclass(value) and issubclass(value, kinds)]
        close = get_close_matches(name, known, n=1) or [", ".join(sorted(known)) or wanted]
        raise ValueError(f"{setting}: there is no {path}; did you mean {close[0]}?")
    if not (isclass(named) and issubclass(named, kinds)):
        raise ValueError(f"{setting}: {path} is not {wanted} of River's kind")
    return named


def _made(setting: str, kind: Any, parameters: Mapping[str, Value]) -> Any:
    try:
        return kind(**parameters)
    except Exception as error:  # noqa: BLE001 - whatever a class of somebody else raises
        taken = ", ".join(signature(kind).parameters) or "nothing"
        raise ValueError(f"{setting}: {_said(error)}; {kind.__name__} takes {taken}") from None


def _said(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
