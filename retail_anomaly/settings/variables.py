"""Settings from environment variables and from the flags of a command."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import yaml

from retail_anomaly.settings.detector_settings import DetectorSettings
from retail_anomaly.settings.given import Given
from retail_anomaly.settings.kinds import fields_of, is_mapping, is_section, is_text, value_kind
from retail_anomaly.settings.model import Settings, SettingsError
from retail_anomaly.settings.store_parameters import OwnParameters

PREFIX: Final = "RETAIL__"
_OWN: Final = 3  # parts of a store's own parameter: detectors, the detector, the parameter


def environment_values(environ: Mapping[str, str]) -> Iterator[tuple[list[str], Given]]:
    """Yield the keys and the value of every environment variable that sets something."""
    for name in sorted(environ):
        if not name.upper().startswith(PREFIX):
            continue
        keys, kind = _resolve(name[len(PREFIX) :].split("__"), "__", str.lower)
        text, source = environ[name], f"environment {name}"
        if is_text(kind):
            yield keys, Given(text, source)
            continue
        try:
            yield keys, Given(yaml.safe_load(text), source)
        except (yaml.YAMLError, ValueError):
            raise SettingsError(
                f"{source}: {'.'.join(keys)}: expected a number, a word or a duration, got {text!r}"
            ) from None


def flag_values(flags: Mapping[str, object]) -> Iterator[tuple[list[str], Given]]:
    """Yield the keys and the value of every flag that was given."""
    for path, value in flags.items():
        if value is not None:
            keys, _ = _resolve(path.split("."), ".", str)
            yield keys, Given(value, f"flag --{keys[-1].replace('_', '-')}")


def _resolve(parts: list[str], separator: str, fold: Any) -> tuple[list[str], Any]:
    """Return the keys of a path and the type of its value (None: unknown).

    Two kinds of keys can contain the separator. A store's id is everything between `stores` and the last
    part, or `detectors` with the two parts after it; the name of a model's parameter is everything that is
    left.
    """
    keys: list[str] = []
    kind: Any = Settings
    while parts:
        if is_mapping(kind):
            kind = value_kind(kind)
            if not is_section(kind):
                return [*keys, fold(separator.join(parts))], kind
            own = len(parts) > _OWN and fold(parts[-_OWN]) == "detectors"
            below = _OWN if own else 1
            keys.append(separator.join(parts[:-below]) or parts[-1])
            parts = parts[-below:] if len(parts) > 1 else []
            continue
        key, *parts = parts
        keys.append(fold(key))
        kind = fields_of(kind).get(keys[-1]) if is_section(kind) else None
        if kind == OwnParameters:
            kind = DetectorSettings
    return keys, kind
