"""Settings from a YAML file."""

from pathlib import Path

import yaml

from retail_anomaly.settings.given import Given, Tree
from retail_anomaly.settings.model import SettingsError


def read_yaml(path: Path) -> Tree:
    """Return the values of a YAML file, each with the line that it stands on.

    Raises
    ------
    SettingsError
        The file can't be read or is not YAML.
    """
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
        # As text: a store named 0012 or no is neither a number nor False.
        key = key_node.value
        if key in tree:
            raise SettingsError(f"{source}: {key} is given twice")
        if isinstance(value_node, yaml.MappingNode) and value_node.value:
            tree[key] = _mapping(loader, value_node, path)
            continue
        try:
            value = loader.construct_object(value_node, deep=True)
        except ValueError as error:  # such as the date 2024-13-45
            raise SettingsError(f"{source}: {key}: {_unread(loader, value_node)}{error}") from None
        tree[key] = Given(value, source)
    return tree


def _unread(loader: yaml.SafeLoader, node: yaml.Node) -> str:
    """Return the value that cannot be read, of the many that a list may have."""
    if isinstance(node, yaml.ScalarNode):
        try:
            loader.construct_object(node)
        except (ValueError, yaml.YAMLError):  # the second for one that has been tried
            return f"{node.value}: "
        return ""
    found = (_unread(loader, child) for child in node.value if isinstance(child, yaml.Node))
    return next(filter(None, found), "")
