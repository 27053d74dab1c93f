"""Spare colours and symbols, for alert types whose detector declares none.

A shipped alert type has its `colour` and `symbol` in the class of its detector, in
`retail_anomaly/detectors/`: change them there. `retail_anomaly.core.registry.looks` puts both together, and
figures, the report, the demo and Grafana take them from it.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple
from zlib import crc32


class Look(NamedTuple):
    """How an alert type is drawn.

    Parameters
    ----------
    colour
        A hexadecimal colour. On white and on Grafana's dark theme its contrast is at least 3:1.
    symbol
        The name of a Plotly marker. It says the same as the colour, for readers who see few colours.

    Examples
    --------
    >>> Look("#d1495b", "circle").symbol
    'circle'
    """

    colour: str
    symbol: str


_SPARE: Final = (
    Look("#b8478f", "star"),
    Look("#5d6fd0", "cross"),
    Look("#6f8a00", "x"),
    Look("#c4472b", "hexagram"),
    Look("#6c7a89", "bowtie"),
    Look("#a3793a", "hourglass"),
    Look("#3a7d44", "star-square"),
    Look("#7b6bd6", "diamond-tall"),
)


def spare_look(alert_type: str, taken: Iterable[Look] = ()) -> Look:
    """Choose a look for an alert type whose detector declares none.

    Parameters
    ----------
    alert_type
        The same type gets the same look in every process, as far as `taken` allows.
    taken
        Looks of other types. While there are spare ones, a colour and a symbol among these is not chosen
        again.

    Examples
    --------
    >>> spare_look("MY_OWN") == spare_look("MY_OWN") != spare_look("MY_OWN", [spare_look("MY_OWN")])
    True
    """
    first = crc32(alert_type.encode()) % len(_SPARE)
    choices = _SPARE[first:] + _SPARE[:first]
    colours, symbols = zip(*taken, strict=True) if (taken := list(taken)) else ((), ())
    free = (look for look in choices if look.colour not in colours and look.symbol not in symbols)
    return next(free, choices[0])
