"""A detector's parameters, and the ranges within which `tune` may change them."""

from typing import Annotated, Any, NamedTuple, TypeVar, get_type_hints

import msgspec
from msgspec import Meta

from retail_anomaly.core.markup import html_table


class Range(NamedTuple):
    """The values of a parameter that `tune` may try; stands beside the parameter, in ``Meta(extra=...)``.

    Give no range to a parameter that should not be tuned: it does not decide whether an alert is raised, or
    its price is something that a scorecard does not measure.

    Parameters
    ----------
    low, high
        The smallest and the largest value, multiples of `step`; in milliseconds for a duration. Values are
        tried on a logarithmic scale, so small values as densely as large ones.
    step
        Values are multiples of it, so that people can read them.

    Examples
    --------
    >>> Range(10, 500, step=5).declared
    {'range': Range(low=10, high=500, step=5)}
    """

    low: float
    high: float
    step: float = 1

    @property
    def declared(self) -> dict[str, Any]:
        """Return the range as ``Meta(extra=...)`` takes it."""
        return {"range": self}


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of a detector's parameters: each is typed, described and has a default.

    Examples
    --------
    >>> Parameters().enabled
    True
    """

    enabled: Annotated[bool, Meta(description="Whether the detector runs.")] = True

    @classmethod
    def ranges(cls) -> dict[str, Range]:
        """Return the ranges by parameter; a parameter without a range is left out.

        Examples
        --------
        >>> Parameters.ranges()
        {}
        """
        declared = {}
        for name, hint in get_type_hints(cls, include_extras=True).items():
            for meta in getattr(hint, "__metadata__", ()):
                if isinstance(meta, Meta) and meta.extra and "range" in meta.extra:
                    declared[name] = meta.extra["range"]
        return {name: declared[name] for name in cls.__struct_fields__ if name in declared}

    def _repr_html_(self) -> str:
        rows = [
            (name, str(value), "" if value == default else str(default))
            for name in self.__struct_fields__
            for value, default in [(getattr(self, name), getattr(type(self)(), name))]
        ]
        return html_table(rows, ["parameter", "value", "default, where it differs"])


P = TypeVar("P", bound=Parameters)


def checked(parameters: P, detector: str) -> P:
    """Return the parameters, typed and in range, as if they came from a configuration file.

    Raises
    ------
    ValueError
        A parameter is out of its range; the text begins with the detector's name.

    Examples
    --------
    >>> checked(Parameters(enabled=False), "refund_burst").enabled
    False
    """
    try:
        return msgspec.convert(
            msgspec.to_builtins(parameters, enc_hook=int),
            type(parameters),
            dec_hook=lambda kind, value: kind(value),
        )
    except msgspec.ValidationError as error:
        raise ValueError(f"{detector}: {error}") from None
