"""The kinds of values that settings have: sections, mappings and single values."""

import typing
from typing import Any

import msgspec

from retail_anomaly.core.durations import Duration
from retail_anomaly.settings.detector_settings import DetectorSettings, default_parameters


def fields_of(section: Any) -> dict[str, Any]:
    """Return the type of every key of a section, by name.

    Examples
    --------
    >>> "refund_burst" in fields_of(DetectorSettings)
    True
    """
    if section is DetectorSettings:
        return {name: type(parameters) for name, parameters in default_parameters().items()}
    return typing.get_type_hints(section, include_extras=True)


def bare(kind: Any) -> Any:
    """Return a type without its limits and description."""
    return typing.get_args(kind)[0] if typing.get_origin(kind) is typing.Annotated else kind


def is_section(kind: Any) -> bool:
    """Tell whether a type has keys that are known."""
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct | DetectorSettings)


def is_mapping(kind: Any) -> bool:
    """Tell whether a type has keys that the user chooses, such as the ids of stores."""
    return typing.get_origin(bare(kind)) is dict


def value_kind(kind: Any) -> Any:
    """Return the type of the values of a mapping."""
    return typing.get_args(bare(kind))[1]


def is_literal(kind: Any) -> bool:
    """Tell whether a type is one of some words."""
    return typing.get_origin(bare(kind)) is typing.Literal


def read_duration(kind: type, value: object) -> object:
    """Read a value of a type that msgspec does not know: a duration, as text or as 0.

    Examples
    --------
    >>> read_duration(Duration, "90s")
    Duration('1m30s')
    """
    if kind is Duration:
        if isinstance(value, str):
            return Duration.parse(value)
        if isinstance(value, Duration) or (value == 0 and type(value) is int):
            return Duration(value)
    raise ValueError("Expected a duration such as 10m, 30d or PT10M")


def is_text(kind: Any) -> bool:
    """Tell whether a type is text."""
    return bare(kind) is str or is_literal(kind)
