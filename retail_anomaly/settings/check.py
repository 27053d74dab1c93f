"""The check of settings: from values with their sources to typed sections."""

import typing
from datetime import date
from typing import Any

import msgspec

from retail_anomaly.core.nearest import nearest
from retail_anomaly.core.plain_types import in_plain_words
from retail_anomaly.settings.detector_settings import DetectorSettings, default_parameters
from retail_anomaly.settings.given import DEFAULT, Given, Tree, first_source
from retail_anomaly.settings.kinds import (
    bare,
    fields_of,
    is_literal,
    is_mapping,
    is_section,
    read_duration,
    value_kind,
)
from retail_anomaly.settings.model import SettingsError
from retail_anomaly.settings.store_parameters import OwnParameters
from retail_anomaly.settings.store_settings import StoreSettings


def checked(section: Any, tree: Tree | Given, path: tuple[str, ...] = (), default: Any = None) -> Any:
    """Return the section that a tree of values describes.

    Parameters
    ----------
    section
        Its class.
    tree
        The values that were given.
    path
        The keys above the section.
    default
        Holds the values that were not given; None: the defaults of the class.

    Raises
    ------
    SettingsError
        A key is unknown or a value is impossible; the text names the key, its source and the expected value.
    """
    default = section() if default is None else default
    if isinstance(tree, Given):
        if tree.value in (None, {}):  # a heading whose keys are all commented out
            return default
        known = ", ".join(fields_of(section))
        said = f"expected keys below it ({known}), got {tree.value!r}"
        raise _wrong(path, tree.source, said + (_below_a_store(path[-1]) if path[0] == "stores" else ""))
    hints = fields_of(section)
    values: dict[str, Any] = {}
    for key, given in tree.items():
        at = (*path, key)
        if key not in hints:
            said = (_below_a_store(key) if not path else "") or f"; {nearest(key, hints)}"
            raise SettingsError(f"{first_source(given)}: unknown key {'.'.join(at)}{said}")
        values[key] = _checked_value(hints[key], given, at)
    try:
        if isinstance(default, DetectorSettings):
            return default.replaced(values)
        return msgspec.structs.replace(default, **values)
    except ValueError as error:  # of a check of the section itself, whose text begins with the key
        name, _, expected = str(error).partition(": ")
        given = tree.get(name)
        raise _wrong((*path, name), first_source(given) if given else DEFAULT, expected) from None


def _below_a_store(key: str) -> str:
    """Return where a key belongs that stands above the stores; nothing if it is no key of a store."""
    plain = key.lower().replace("_", "")
    meant = [name for name in fields_of(StoreSettings) if name.replace("_", "") == plain]
    meant += ["time_zone"] if plain in ("tz", "zone") else []
    return f"; each store has its own: stores: {{ID: {{{meant[0]}: ...}}}}" if meant else ""


def _checked_value(kind: Any, given: Tree | Given, path: tuple[str, ...]) -> Any:
    if kind is Any:
        return _plain(given)
    if is_section(kind):
        # A detector that was registered with parameters of its own has these as its defaults.
        registered = default_parameters().get(path[1]) if path[0] == "detectors" and len(path) == 2 else None
        return checked(kind, given, path, registered)
    if kind == OwnParameters:
        return _own_parameters(given, path)
    return _mapping(kind, given, path) if is_mapping(kind) else _single(kind, given, path)


def _mapping(kind: Any, given: Tree | Given, path: tuple[str, ...]) -> dict[str, Any]:
    below = value_kind(kind)
    if isinstance(given, Given):
        if given.value in (None, {}):
            return {}
        values = "keys below them" if is_section(below) else "values"
        raise _wrong(path, given.source, f"expected names with {values}, got {given.value!r}")
    return {key: _checked_value(below, value, (*path, key)) for key, value in given.items()}


def _own_parameters(given: Tree | Given, path: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Return by detector the values that are given, without the defaults of those that are not."""
    own: dict[str, dict[str, Any]] = {}
    for name, (kind, below) in _known(fields_of(DetectorSettings), given, path).items():
        at = (*path, name)
        values = _known(fields_of(kind), below, at)
        own[name] = {
            field: _checked_value(hint, value, (*at, field)) for field, (hint, value) in values.items()
        }
    return own


def _known(
    hints: dict[str, Any], given: Tree | Given, path: tuple[str, ...]
) -> dict[str, tuple[Any, Tree | Given]]:
    """Return by key its type and what is given for it."""
    if isinstance(given, Given):
        if given.value in (None, {}):
            return {}
        known = ", ".join(hints)
        raise _wrong(path, given.source, f"expected keys below it ({known}), got {given.value!r}")
    for key, value in given.items():
        if key not in hints:
            at = ".".join((*path, key))
            raise SettingsError(f"{first_source(value)}: unknown key {at}; {nearest(key, hints)}")
    return {key: (hints[key], value) for key, value in given.items()}


def _plain(given: Tree | Given) -> Any:
    return given.value if isinstance(given, Given) else {key: _plain(below) for key, below in given.items()}


def _single(kind: Any, given: Tree | Given, path: tuple[str, ...]) -> Any:
    if not isinstance(given, Given):
        raise _wrong(path, first_source(given), "expected one value, got keys below it")
    try:
        return msgspec.convert(_with_dates_as_text(given.value), kind, dec_hook=read_duration)
    except msgspec.ValidationError as error:
        expected = in_plain_words(str(error))
    if is_literal(kind):
        expected = f"expected one of {', '.join(typing.get_args(bare(kind)))}"
    expected = expected.partition(", got ")[0]
    expected = f"{expected[:1].lower()}{expected[1:]}, got {_shown(given.value)}"
    if expected.startswith("expected text") and _has_flag(given.value):
        expected += '; YAML reads no, yes, on and off as true or false: put the word in quotes, such as "NO"'
    raise _wrong(path, given.source, expected)


def _has_flag(value: object) -> bool:
    return any(isinstance(each, bool) for each in (value if isinstance(value, list) else [value]))


def _with_dates_as_text(value: object) -> object:
    # YAML makes a date of 2026-12-24, which may stand in a list beside text.
    if isinstance(value, list):
        return [str(entry) if type(entry) is date else entry for entry in value]
    return value


def _wrong(path: tuple[str, ...], source: str, expected: str) -> SettingsError:
    return SettingsError(f"{source}: {'.'.join(path)}: {expected}")


def _shown(value: object) -> str:
    if isinstance(value, date):
        return str(value)  # as it is written in YAML
    return "nothing" if value is None else repr(value)
