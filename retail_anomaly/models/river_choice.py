"""An anomaly detector of River, chosen by its name: found, made and tried out before it is needed."""

from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from inspect import isclass, signature
from math import nan
from typing import Any, Final, TypeAlias

import msgspec

from retail_anomaly.core.errors import RetailAnomalyError

PACKAGED: Final = "packaged"
"""The name of no River detector: the model of this package."""
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
    """Which detector, with what before it.

    Parameters
    ----------
    model
        A class's dotted path: one of River's, or of your own.
    parameters
        What it is made with. A `seed` that it takes and is not given is 0: the same events, the same alerts.
    scaler
        A transformer's dotted path, or ``none``.

    Examples
    --------
    >>> choice = RiverChoice("river.anomaly.HalfSpaceTrees", {"n_trees": 5}, "river.preprocessing.MinMaxScaler")
    >>> detector, scaler = choice.make()
    >>> detector.n_trees, detector.seed, type(scaler).__name__
    (5, 0, 'MinMaxScaler')
    """

    model: str
    parameters: Mapping[str, Value] = {}
    scaler: str = NO_SCALER

    def make(self) -> tuple[Any, Any]:
        """Return a new detector and its scaler, or None, for `learn` and `score`.

        Raises
        ------
        ValueError
            There is no such class, it is no detector or transformer, or it does not take the parameters;
            the text begins with the setting that is wrong.
        """
        from river import base

        found = _find("model", self.model, (base.AnomalyDetector, base.SupervisedAnomalyDetector))
        scaler = None
        if self.scaler != NO_SCALER:
            scaler = _made("scaler", _find("scaler", self.scaler, (base.Transformer,)), {})
        taken = signature(found).parameters
        seed = {"seed": 0} if "seed" in taken else {}
        return _made("model_parameters", found, seed | dict(self.parameters)), scaler

    def try_out(self, example: Features) -> None:
        """Make sure that the detector can be made, and scores and learns an example.

        Raises
        ------
        ValueError
            It does not; the text begins with the setting that is wrong.

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
    """Let a detector, and its scaler, learn features; a supervised one the first of them as its target."""
    if scaler is not None:
        scaler.learn_one(x)
    given, target = _given(scaler, x)
    if _is_supervised(detector):
        detector.learn_one(given, target)
    else:
        detector.learn_one(given)


def score(detector: Any, scaler: Any, x: Features) -> float:
    """Return how anomalous features are, on the detector's own scale; NaN where it can't be worked out."""
    given, target = _given(scaler, x)
    try:
        if _is_supervised(detector):
            return float(detector.score_one(given, target))
        return float(detector.score_one(given))
    except ArithmeticError:  # as PredictiveAnomalyDetection divides by errors that are all zero at first
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
    found = getattr(module, name, None)
    if found is None:
        known = [key for key, value in vars(module).items() if isclass(value) and issubclass(value, kinds)]
        close = get_close_matches(name, known, n=1) or [", ".join(sorted(known)) or wanted]
        raise ValueError(f"{setting}: there is no {path}; did you mean {close[0]}?")
    if not (isclass(found) and issubclass(found, kinds)):
        raise ValueError(f"{setting}: {path} is not {wanted} of River's kind")
    return found


def _made(setting: str, kind: Any, parameters: Mapping[str, Value]) -> Any:
    try:
        return kind(**parameters)
    except Exception as error:  # noqa: BLE001 - whatever a class of somebody else raises
        taken = ", ".join(signature(kind).parameters) or "nothing"
        raise ValueError(f"{setting}: {_said(error)}; {kind.__name__} takes {taken}") from None


def _said(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
