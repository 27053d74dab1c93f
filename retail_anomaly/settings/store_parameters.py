"""Parameters that a store has of its own: they are laid over those of the section `detectors`."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import Meta

from retail_anomaly.core.nearest import nearest
from retail_anomaly.detectors import Parameters
from retail_anomaly.settings.kinds import read_duration

OwnParameters: TypeAlias = Annotated[
    dict[str, dict[str, Any]],
    Meta(
        description="Parameters to lay over a detector's in this store, by its name: "
        "{refund_burst: {amount: 50}}."
    ),
]
"""The type of the setting: by detector, the values of some parameters."""


def laid_over(
    everywhere: Mapping[str, Parameters], own: Mapping[str, Mapping[str, Any]]
) -> dict[str, Parameters]:
    """Return the parameters of the detectors that have some of their own in a store.

    Parameters
    ----------
    everywhere
        The parameters of each detector, by its name.
    own
        By detector, the values of the parameters that differ; a duration may be text such as ``10m``.

    Raises
    ------
    ValueError
        A name is unknown or a value is impossible; the text begins with the detector.

    Examples
    --------
    >>> from retail_anomaly.detectors import RefundBurst
    >>> found = laid_over({"refund_burst": RefundBurst.Parameters(count=4)}, {"refund_burst": {"amount": 50}})
    >>> found["refund_burst"].count, found["refund_burst"].amount
    (4, 50.0)
    """
    found = {}
    for detector, given in own.items():
        if detector not in everywhere:
            raise ValueError(f"{detector}: unknown detector; {nearest(detector, everywhere)}")
        known = everywhere[detector]
        fields = {field.name: field.type for field in msgspec.structs.fields(type(known))}
        values = {}
        for name, value in given.items():
            if name not in fields:
                raise ValueError(f"{detector}.{name}: unknown key; {nearest(name, fields)}")
            try:
                values[name] = msgspec.convert(value, fields[name], dec_hook=read_duration)
            except msgspec.ValidationError as error:
                raise ValueError(f"{detector}.{name}: {error}, got {value!r}") from None
        try:
            found[detector] = msgspec.structs.replace(known, **values)
        except ValueError as error:
            raise ValueError(f"{detector}.{error}") from None
    return found
