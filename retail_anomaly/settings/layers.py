"""Where settings come from: packaged defaults < file < environment < flags.

Every layer becomes a tree of `Given` values, each with its source. The trees are laid over one
another, and what results is checked section by section: thus an error names the key, what was
expected, and which layer said otherwise.
"""

import difflib
import os
import typing
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec
import yaml

from retail_anomaly.core.durations import Duration
from retail_anomaly.settings.model import Settings, SettingsError, flatten

PREFIX: Final = "RETAIL__"
DEFAULT: Final = "default"


class Given(NamedTuple):
    """A value, and where it was given."""

    value: Any
    source: str


Tree: TypeAlias = dict[str, Any]  # of further trees, or of Given


class Loaded(NamedTuple):
    """Settings, and where each value comes from."""

    settings: Settings
    sources: dict[str, str]
    """Dotted path to ``default``, ``file config.yaml:12``, ``environment RETAIL__...`` or ``flag --x``."""


def load(
    path: Path | str | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, object] | None = None,
) -> Loaded:
    """Load the settings.

    Parameters
    ----------
    path
        A YAML file; it need only have what differs from the defaults.
    environ
        The environment; by default the process's own. ``RETAIL__DETECTORS__REFUND_BURST__COUNT``
        is ``detectors.refund_burst.count``. The case does not matter, but for a store's id, which
        is taken as it stands.
    flags
        Values by dotted path, as from a command line; None is a flag that was not given.

    Returns
    -------
    Loaded
        The settings and the source of each.

    Raises
    ------
    SettingsError
        A file can't be read, a key is unknown, or a value is impossible.

    Examples
    --------
    >>> loaded = load(environ={"RETAIL__DETECTORS__REFUND_BURST__WINDOW": "5m"})
    >>> loaded.settings.detectors.refund_burst.window
    Duration('5m')
    >>> loaded.sources["detectors.refund_burst.window"]
    'environment RETAIL__DETECTORS__REFUND_BURST__WINDOW'
    """
    tree: Tree = {}
    if path is not None:
        _lay_over(tree, _file_tree(Path(path)))
    for layer in (
        _environment(os.environ if environ is None else environ),
        _flags(flags or {}),
    ):
        for keys, given in layer:
            branch: Any = given
            for key in reversed(keys):
                branch = {key: branch}
            _lay_over(tree, branch)
    settings = _section(Settings, tree, ())
    given_at = dict(_leaves(tree, ""))
    return Loaded(settings, {key: given_at.get(key, DEFAULT) for key in flatten(settings)})


def load_settings(path: Path | str | None = None) -> Settings:
    """Load the settings from a file and the environment, where it doesn't matter what came from where.

    Parameters
    ----------
    path
        A YAML file; it need only have what differs from the defaults.

    Returns
    -------
    Settings
        The settings; `load` also says where each comes from.

    Raises
    ------
    SettingsError
        As `load` does.
    """
    return load(path).settings


def _lay_over(below: Tree, above: Tree) -> None:
    for key, value in above.items():
        if isinstance(value, dict) and isinstance(below.get(key), dict):
            _lay_over(below[key], value)
        else:
            below[key] = value


def _leaves(tree: Tree, prefix: str) -> Iterator[tuple[str, str]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value.source


# --- The layers -------------------------------------------------------------------------------


def _file_tree(path: Path) -> Tree:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SettingsError(f"file {path}: cannot be read: {error.strerror}") from None
    loader = None
    try:
        loader = yaml.SafeLoader(content)
        node = loader.get_single_node()
        if node is None or node.tag == "tag:yaml.org,2002:null":  # all of it commented out
            return {}
        if not isinstance(node, yaml.MappingNode):
            raise SettingsError(f"file {path}: expected keys and values, such as `max_late: 24h`")
        return _mapping(loader, node, path)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        raise SettingsError(f"file {path}{line}: not YAML: {error.problem or error.context}") from None
    except (yaml.YAMLError, RecursionError, UnicodeError) as error:
        raise SettingsError(f"file {path}: not YAML: {' '.join(str(error).split())}") from None
    finally:
        if loader is not None:
            loader.dispose()


def _mapping(loader: yaml.SafeLoader, node: yaml.MappingNode, path: Path) -> Tree:
    tree: Tree = {}
    for key_node, value_node in node.value:
        source = f"file {path}:{key_node.start_mark.line + 1}"
        if not isinstance(key_node, yaml.ScalarNode):
            raise SettingsError(f"{source}: expected a key")
        # The text as it stands: a store named 0012 or no is neither a number nor False.
        key = key_node.value
        if key in tree:
            raise SettingsError(f"{source}: {key} is given twice")
        if isinstance(value_node, yaml.MappingNode) and value_node.value:
            tree[key] = _mapping(loader, value_node, path)
            continue
        try:
            value = loader.construct_object(value_node, deep=True)
        except ValueError as error:  # such as the date 2024-13-45
            raise SettingsError(f"{source}: {key}: {error}") from None
        tree[key] = Given(value, source)
    return tree


def _environment(environ: Mapping[str, str]) -> Iterator[tuple[list[str], Given]]:
    for name in sorted(environ):
        if not name.upper().startswith(PREFIX):
            continue
        keys, kind = _resolve(name[len(PREFIX) :].split("__"), "__", str.lower)
        text, source = environ[name], f"environment {name}"
        if _is_text(kind):
            yield keys, Given(text, source)
            continue
        try:
            yield keys, Given(yaml.safe_load(text), source)
        except (yaml.YAMLError, ValueError):
            raise SettingsError(
                f"{source}: {'.'.join(keys)}: expected a number, a word or a duration, got {text!r}"
            ) from None


def _flags(flags: Mapping[str, object]) -> Iterator[tuple[list[str], Given]]:
    for path, value in flags.items():
        if value is not None:
            keys, _ = _resolve(path.split("."), ".", str)
            yield keys, Given(value, f"flag --{keys[-1].replace('_', '-')}")


def _resolve(parts: list[str], separator: str, fold: Any) -> tuple[list[str], Any]:
    """Return the keys that a path's parts mean, and the type of the value there (None: unknown).

    Between `stores` and the last part is the store's id, which may have the separator in it. So may the name
    of a model's parameter, which is all that is left.
    """
    keys: list[str] = []
    kind: Any = Settings
    while parts:
        if _is_map(kind):
            kind = typing.get_args(_bare(kind))[1]
            if not _is_section(kind):
                return [*keys, fold(separator.join(parts))], kind
            keys.append(separator.join(parts[:-1]) or parts[-1])
            parts = parts[-1:] if len(parts) > 1 else []
            continue
        key, *parts = parts
        keys.append(fold(key))
        kind = _hints(kind).get(keys[-1]) if _is_section(kind) else None
    return keys, kind


# --- The check --------------------------------------------------------------------------------


def _section(section: Any, tree: Tree | Given, path: tuple[str, ...]) -> Any:
    """Make a section of what was given, or say what is wrong with it."""
    if isinstance(tree, Given):
        if tree.value in (None, {}):  # a heading, its keys commented out
            return section()
        known = ", ".join(_hints(section))
        raise _wrong(path, tree.source, f"expected keys below it ({known}), got {tree.value!r}")
    hints = _hints(section)
    values: dict[str, Any] = {}
    for key, given in tree.items():
        at = (*path, key)
        if key not in hints:
            raise SettingsError(f"{_source(given)}: unknown key {'.'.join(at)}; {suggest(key, hints)}")
        kind = hints[key]
        if _is_section(kind):
            values[key] = _section(kind, given, at)
        elif _is_map(kind):
            values[key] = _map(kind, given, at)
        else:
            values[key] = _value(kind, given, at)
    try:
        return section(**values)
    except ValueError as error:  # what the section itself checks names its key first
        name, _, expected = str(error).partition(": ")
        given = tree.get(name)
        raise _wrong((*path, name), _source(given) if given else DEFAULT, expected) from None


def _map(kind: Any, given: Tree | Given, path: tuple[str, ...]) -> dict[str, Any]:
    below = typing.get_args(_bare(kind))[1]
    if isinstance(given, Given):
        if given.value in (None, {}):
            return {}
        what = "keys below them" if _is_section(below) else "values"
        raise _wrong(path, given.source, f"expected names with {what}, got {given.value!r}")
    check = _section if _is_section(below) else _value
    return {key: check(below, value, (*path, key)) for key, value in given.items()}


def _value(kind: Any, given: Tree | Given, path: tuple[str, ...]) -> Any:
    if not isinstance(given, Given):
        raise _wrong(path, _source(given), "expected one value, got keys below it")
    try:
        return msgspec.convert(given.value, kind, dec_hook=_read_duration)
    except msgspec.ValidationError as error:
        expected = str(error)
    if typing.get_origin(_bare(kind)) is typing.Literal:
        expected = f"expected one of {', '.join(typing.get_args(_bare(kind)))}"
    expected = expected.partition(", got ")[0]
    raise _wrong(path, given.source, f"{expected[:1].lower()}{expected[1:]}, got {_shown(given.value)}")


def _read_duration(kind: type, value: object) -> object:
    if kind is Duration:
        if isinstance(value, str):
            return Duration.parse(value)
        if isinstance(value, Duration) or (value == 0 and type(value) is int):
            return Duration(value)
    raise ValueError("Expected a duration such as 10m, 30d or PT10M")


def _source(given: Tree | Given) -> str:
    return given.source if isinstance(given, Given) else next(_leaves(given, ""))[1]


def _wrong(path: tuple[str, ...], source: str, expected: str) -> SettingsError:
    return SettingsError(f"{source}: {'.'.join(path)}: {expected}")


def _shown(value: object) -> str:
    return "nothing" if value is None else repr(value)


# --- Types ------------------------------------------------------------------------------------


def _hints(section: Any) -> dict[str, Any]:
    return typing.get_type_hints(section, include_extras=True)


def _bare(kind: Any) -> Any:
    return typing.get_args(kind)[0] if typing.get_origin(kind) is typing.Annotated else kind


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _is_map(kind: Any) -> bool:
    return typing.get_origin(_bare(kind)) is dict


def _is_text(kind: Any) -> bool:
    bare = _bare(kind)
    return bare is str or typing.get_origin(bare) is typing.Literal


def suggest(name: str, known: Iterable[str]) -> str:
    """Return the end of a message about an unknown name: the closest known name, else all of them.

    Examples
    --------
    >>> suggest("cuont", ["amount", "count"])
    'did you mean count?'
    >>> suggest("x", ["amount", "count"])
    'expected one of amount, count'
    """
    known = list(known)
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else f"expected one of {', '.join(known)}"
