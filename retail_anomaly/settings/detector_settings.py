"""The section `detectors`: the parameters of every detector that this process knows."""

from collections.abc import Iterator, Mapping
from typing import Any

from retail_anomaly.core.markup import html_table
from retail_anomaly.detectors import REGISTRY, Parameters, own_detectors


class DetectorSettings(Mapping[str, Parameters]):
    """Parameters of each detector, by its name.

    The detectors are those of the registry and those that were registered in this process with
    `retail_anomaly.register`. You can read the parameters as `settings.detectors.refund_burst` too.

    Parameters
    ----------
    **given
        Parameters by the name of the detector. A detector that is not given has its defaults: those of its
        class, or those it was registered with.

    Examples
    --------
    >>> from retail_anomaly.detectors import RefundBurst
    >>> settings = DetectorSettings(refund_burst=RefundBurst.Parameters(count=5))
    >>> settings.refund_burst.count, settings["stock_discrepancy"].threshold
    (5, 5)
    """

    def __init__(self, **given: Parameters) -> None:
        if unknown := [name for name in given if name not in (known := default_parameters())]:
            raise TypeError(f"unknown detector {unknown[0]!r}; the detectors are {', '.join(known)}")
        self._given = given

    def __getitem__(self, name: str) -> Parameters:
        default = default_parameters()[name]
        return self._given.get(name, default)

    def __iter__(self) -> Iterator[str]:
        return iter(default_parameters())

    def __len__(self) -> int:
        return len(default_parameters())

    def __getattr__(self, name: str) -> Any:
        # Only for names that are not attributes. Pickle and copy look for some before there is a `_given`.
        if name.startswith("_") or name not in self:
            raise AttributeError(f"there is no detector {name!r}; the detectors are {', '.join(self)}")
        return self[name]

    def __reduce__(self) -> tuple[Any, ...]:
        return _with_given, (self._given,)

    def __repr__(self) -> str:
        return f"DetectorSettings({', '.join(f'{name}={parameters!r}' for name, parameters in self.items())})"

    def _repr_html_(self) -> str:
        defaults = default_parameters()
        rows = [
            (
                f"{name}.{field}",
                str(value),
                "" if value == (usual := getattr(defaults[name], field)) else str(usual),
            )
            for name, parameters in self.items()
            for field in parameters.__struct_fields__
            for value in (getattr(parameters, field),)
        ]
        return html_table(rows, ["key", "value", "default, where it differs"])

    def replaced(self, parameters: Mapping[str, Parameters]) -> "DetectorSettings":
        """Return settings in which some detectors have other parameters.

        Examples
        --------
        >>> from retail_anomaly.detectors import RefundBurst
        >>> DetectorSettings().replaced({"refund_burst": RefundBurst.Parameters(count=4)}).refund_burst.count
        4
        """
        kept = {name: given for name, given in self._given.items() if name in self}
        return DetectorSettings(**{**kept, **parameters})


def default_parameters() -> dict[str, Parameters]:
    """Return the parameters that every known detector has by default, in the order of the registry.

    Examples
    --------
    >>> default_parameters()["refund_burst"].count
    3
    """
    registered = {name: parameters for name, (_, parameters) in own_detectors().items()}
    return {**{name: detector.Parameters() for name, detector in REGISTRY.items()}, **registered}


def _with_given(given: Mapping[str, Parameters]) -> DetectorSettings:
    return DetectorSettings(**given)
