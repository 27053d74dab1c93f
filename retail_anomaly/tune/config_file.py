"""The configuration that tuning writes: a file that the streamer and a replay read as it is."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import yaml

from retail_anomaly.core.durations import Duration
from retail_anomaly.settings import DetectorSettings, Settings


def config_text(settings: Settings, comments: Iterable[str] = ()) -> str:
    r"""Return a configuration file: comments, then the values that differ from the packaged defaults.

    Parameters
    ----------
    settings
        The settings.
    comments
        Lines for the top.

    Examples
    --------
    >>> from retail_anomaly.detectors import RefundBurst
    >>> from retail_anomaly.settings import with_parameters
    >>> burst = RefundBurst.Parameters(count=4, window=Duration.parse("15m"))
    >>> print(config_text(with_parameters(Settings(), {"refund_burst": burst}), ["Two things changed."]))
    # Two things changed.
    detectors:
      refund_burst:
        window: 15m
        count: 4
    <BLANKLINE>
    """
    different = _different(settings, Settings())
    lines = [f"# {line}".rstrip() for line in comments]
    # An empty mapping would be no mistake, but a file of comments alone reads better.
    body = yaml.safe_dump(different, sort_keys=False, allow_unicode=True) if different else ""
    return "\n".join([*lines, body]) if lines else body


def _different(section: msgspec.Struct, default: msgspec.Struct) -> dict[str, Any]:
    """Return the values of a section that differ from the defaults, as a file has them."""
    different: dict[str, Any] = {}
    for name in section.__struct_fields__:
        value, usual = getattr(section, name), getattr(default, name)
        if isinstance(value, DetectorSettings):
            sections = {detector: _different(one, usual[detector]) for detector, one in value.items()}
            changed = {detector: fields for detector, fields in sections.items() if fields}
            if changed:
                different[name] = changed
        elif isinstance(value, msgspec.Struct):
            if below := _different(value, usual):
                different[name] = below
        elif isinstance(value, Mapping):  # stores by id, each with defaults of its own; a model's parameters
            if value:
                different[name] = {key: _entry(one) for key, one in value.items()}
        elif value != usual:
            different[name] = str(value) if isinstance(value, Duration) else value
    return different


def _entry(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        return _different(value, type(value)()) or None
    if isinstance(value, Mapping):  # a store's own parameters
        return {key: _entry(one) for key, one in value.items()}
    return str(value) if isinstance(value, Duration) else value
