"""The detectors that this process knows: those that are shipped, and your own."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeAlias, TypeVar

from retail_anomaly.core.detector import Detector
from retail_anomaly.core.parameters import Parameters
from retail_anomaly.core.spare_looks import Look, spare_look

DetectorClass: TypeAlias = type[Detector[Any, Any]]
AnyDetectorClass = TypeVar("AnyDetectorClass", bound=DetectorClass)

_SHIPPED: dict[str, DetectorClass] = {}
_OWN: dict[str, tuple[DetectorClass, Parameters]] = {}


def ship(*detectors: DetectorClass) -> Mapping[str, DetectorClass]:
    """Make the registry of the shipped detectors; `retail_anomaly.detectors` calls this once.

    Returns
    -------
    Mapping
        The classes by name, in the order in which an event passes them.
    """
    _SHIPPED.update({detector.name: detector for detector in detectors})
    return MappingProxyType(_SHIPPED)


def register(detector: AnyDetectorClass, parameters: Parameters | None = None) -> AnyDetectorClass:
    """Let a detector of your own run in this process, after the shipped ones.

    `replay`, `tune`, configuration files, figures and the report then know it by its name. A class of the
    same name replaces an earlier one, as when you run a notebook's cell again.

    Parameters
    ----------
    detector
        Your class; `retail_anomaly.check_detector` tells whether it keeps the contract of a detector.
    parameters
        The parameters it runs with where no configuration gives others; by default those of the class.

    Returns
    -------
    type
        The same class, so that you can use this function as a decorator.

    Raises
    ------
    ValueError
        Another detector has this name or this alert type.

    Examples
    --------
    >>> from retail_anomaly.detectors import RefundBurst
    >>> class Louder(RefundBurst):
    ...     name = "louder"
    ...     alert_type = "LOUDER"
    >>> register(Louder).name, "louder" in own_detectors()
    ('louder', True)
    >>> unregister("louder")
    """
    name, alert_type = detector.name, detector.alert_type
    others = [*_SHIPPED.values(), *(other for other, _ in _OWN.values() if other.name != name)]
    if name in _SHIPPED or any(other.alert_type == alert_type for other in others):
        raise ValueError(f"{name}, {alert_type}: another detector has this name or type of alert")
    _OWN[name] = detector, detector.Parameters() if parameters is None else parameters
    return detector


def unregister(name: str) -> None:
    """Forget a detector of your own; a name that is not registered is ignored."""
    _OWN.pop(name, None)


def own_detectors() -> Mapping[str, tuple[DetectorClass, Parameters]]:
    """Return the detectors that were registered in this process, by name, with their parameters."""
    return MappingProxyType(_OWN)


def known_detectors() -> dict[str, DetectorClass]:
    """Return all detector classes by name: the shipped ones, then those registered in this process."""
    return {**_SHIPPED, **{name: detector for name, (detector, _) in _OWN.items()}}


def looks() -> dict[str, Look]:
    """Return the look of every known detector's alerts, by alert type.

    A detector that declares no colour or no symbol, or one that an earlier detector has, gets a spare one.

    Examples
    --------
    >>> import retail_anomaly.detectors
    >>> looks()["REFUND_BURST"]
    Look(colour='#d1495b', symbol='circle')
    """
    chosen: dict[str, Look] = {}
    for detector in known_detectors().values():
        spare = spare_look(detector.alert_type, chosen.values())
        colours, symbols = (
            {look.colour for look in chosen.values()},
            {look.symbol for look in chosen.values()},
        )
        chosen[detector.alert_type] = Look(
            spare.colour if detector.colour is None or detector.colour in colours else detector.colour,
            spare.symbol if detector.symbol is None or detector.symbol in symbols else detector.symbol,
        )
    return chosen


def look_of(alert_type: str) -> Look:
    """Return colour and symbol of an alert type, the same wherever it is shown.

    A type that no detector of this process raises gets a spare look.

    Examples
    --------
    >>> import retail_anomaly.detectors
    >>> look_of("REFUND_BURST")
    Look(colour='#d1495b', symbol='circle')
    """
    known = looks()
    return known.get(alert_type) or spare_look(alert_type, known.values())
