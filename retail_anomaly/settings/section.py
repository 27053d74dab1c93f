"""The base of the settings' sections, and their values by dotted path."""

from collections.abc import Mapping
from typing import Any

import msgspec

from retail_anomaly.core.markup import html_table


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of the sections of the settings.

    Examples
    --------
    >>> class Oven(Section, frozen=True):
    ...     heat: int = 200
    >>> flatten(Oven())
    {'heat': 200}
    """

    def require_positive(self, *names: str) -> None:
        """Refuse durations of zero."""
        for name in names:
            if getattr(self, name) <= 0:
                raise ValueError(f"{name}: expected a duration above 0")

    def _repr_html_(self) -> str:
        """Show every value, and the default beside those that differ."""
        defaults = flatten(type(self)())
        rows = [
            (path, str(value), "" if value == defaults.get(path) else str(defaults.get(path, "")))
            for path, value in flatten(self).items()
        ]
        return html_table(rows, ["key", "value", "default, where it differs"])


def flatten(section: msgspec.Struct, prefix: str = "") -> dict[str, Any]:
    """Return every value of a section by its dotted path.

    Examples
    --------
    >>> from retail_anomaly.settings import Settings
    >>> flatten(Settings())["detectors.refund_burst.count"]
    3
    """
    found: dict[str, Any] = {}
    for name in section.__struct_fields__:
        value, path = getattr(section, name), f"{prefix}{name}"
        found |= _flat(value, path)
    return found


def _flat(value: Any, path: str) -> dict[str, Any]:
    if isinstance(value, msgspec.Struct):
        return flatten(value, f"{path}.")
    if isinstance(value, Mapping) and value:
        return {
            at: found for key, part in value.items() for at, found in _flat(part, f"{path}.{key}").items()
        }
    return {path: value}
