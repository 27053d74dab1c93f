"""The layers of the settings: packaged defaults < file < environment < flags.

Every layer is a tree of values with their sources. The trees are laid over one another and the result is
checked, so that an error names the key, its source and the expected value.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from retail_anomaly.settings.check import checked
from retail_anomaly.settings.given import DEFAULT, Given, Tree, lay_over, leaf_sources
from retail_anomaly.settings.model import Settings
from retail_anomaly.settings.section import flatten
from retail_anomaly.settings.variables import environment_values, flag_values
from retail_anomaly.settings.yaml_file import read_yaml

_GROUP: Final = "streamer.consumer_group"


class Loaded(NamedTuple):
    """Settings, and the source of each value."""

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
        A YAML file with the values that differ from the defaults.
    environ
        The environment; by default the process's own. ``RETAIL__DETECTORS__REFUND_BURST__COUNT``
        is ``detectors.refund_burst.count``. Upper and lower case are the same, except in a store's id.
    flags
        Values by dotted path, as from a command line; None is a flag that was not given.

    Returns
    -------
    Loaded
        The settings and the source of each. Where no consumer group is given, ``streamer.topic_prefix``
        stands before the default one, so that installations with different prefixes share no group.

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
        lay_over(tree, _found_beside(Path(path), read_yaml(Path(path))))
    for layer in (
        environment_values(os.environ if environ is None else environ),
        flag_values(flags or {}),
    ):
        for keys, given in layer:
            branch: Any = given
            for key in reversed(keys):
                branch = {key: branch}
            lay_over(tree, branch)
    settings = checked(Settings, tree)
    given_at = dict(leaf_sources(tree))
    sources = {key: given_at.get(key, DEFAULT) for key in flatten(settings)}
    return _with_group_of_prefix(Loaded(settings, sources))


def load_settings(path: Path | str | None = None) -> Settings:
    """Load the settings from a file and the environment.

    Parameters
    ----------
    path
        A YAML file with the values that differ from the defaults.

    Returns
    -------
    Settings
        The settings; `load` also returns the source of each value.

    Raises
    ------
    SettingsError
        As `load` does.
    """
    return load(path).settings


def _found_beside(path: Path, tree: Tree) -> Tree:
    """Replace the names of rule files that stand beside the configuration file by their paths."""
    rules = tree.get("rules")
    if not isinstance(rules, dict):
        return tree
    given = rules.get("files")
    if isinstance(given, Given) and isinstance(given.value, list):
        rules["files"] = Given([_beside(path, file) for file in given.value], given.source)
    lists = rules.get("lists")
    if isinstance(lists, dict):
        for name, values in lists.items():
            if isinstance(values, Given) and isinstance(values.value, str):
                lists[name] = Given(_beside(path, values.value), values.source)
    return tree


def _beside(path: Path, file: object) -> object:
    beside = path.parent / file if isinstance(file, str) else None
    return str(beside) if beside is not None and beside.exists() else file


def _with_group_of_prefix(loaded: Loaded) -> Loaded:
    settings, sources = loaded
    streamer = settings.streamer
    if sources[_GROUP] != DEFAULT or not streamer.topic_prefix:
        return loaded
    group = streamer.topic_prefix + streamer.consumer_group
    own = msgspec.structs.replace(streamer, consumer_group=group)
    return Loaded(
        msgspec.structs.replace(settings, streamer=own), sources | {_GROUP: sources["streamer.topic_prefix"]}
    )
