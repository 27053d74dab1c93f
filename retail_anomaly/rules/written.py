"""Rules as they are written: YAML or JSON, each value with its line."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import yaml

from retail_anomaly.core.errors import UsageError

_MOST_VALUES: Final = 50_000  # a few lines of YAML can refer to themselves a billion times over


class RuleError(UsageError, ValueError):
    """A rule is wrong; the text names file, line and the nearest right word.

    Examples
    --------
    >>> str(RuleError("rules.yaml:3", "unknown key widnow; did you mean window?"))
    'rules.yaml:3: unknown key widnow; did you mean window?'
    """

    def __init__(self, place: str, said: str) -> None:
        super().__init__(f"{place}: {said}")


@dataclass(frozen=True)
class Written:
    """A value as it is written.

    Parameters
    ----------
    value
        A mapping of names to written values, a list of them, or a single value.
    place
        File and line.
    text
        A single value as it stands there: YAML takes ``off`` for false, and a name may be ``off``.
    """

    value: Any
    place: str
    text: str = ""

    def plain(self) -> Any:
        """Return the value without its places."""
        if isinstance(self.value, dict):
            return {name: item.plain() for name, item in self.value.items()}
        if isinstance(self.value, list):
            return [item.plain() for item in self.value]
        return self.value

    def error(self, said: str) -> RuleError:
        """Return an error at this place."""
        return RuleError(self.place, said)

    def over(self, below: "Written") -> "Written":
        """Return this value laid over another: of two mappings, each name; else this one alone."""
        if not (isinstance(self.value, dict) and isinstance(below.value, dict)):
            return self
        merged = dict(below.value)
        for name, item in self.value.items():
            merged[name] = item.over(merged[name]) if name in merged else item
        return Written(merged, self.place)

    def without(self, *names: str) -> "Written":
        """Return a mapping without some of its names."""
        return Written({name: item for name, item in self.value.items() if name not in names}, self.place)


def written(value: Any, place: str) -> Written:
    """Give the values of a mapping, which stands in no file, one place.

    Examples
    --------
    >>> written({"id": "a"}, "a notebook").value["id"].place
    'a notebook'
    """
    if isinstance(value, dict):
        return Written({str(name): written(item, place) for name, item in value.items()}, place)
    if isinstance(value, list | tuple):
        return Written([written(item, place) for item in value], place)
    return Written(value, place, value if isinstance(value, str) else "")


def read_written(content: str | bytes, file: str) -> Written | None:
    r"""Read YAML, of which JSON is a part.

    Parameters
    ----------
    content
        The text.
    file
        Its name, for errors.

    Returns
    -------
    Written or None
        None if the text has no value.

    Raises
    ------
    RuleError
        The text is not YAML, or gives a key twice.

    Examples
    --------
    >>> read_written("id: a\nversion: 2", "a.yaml").value["version"].place
    'a.yaml:2'
    """
    loader = None
    try:
        loader = yaml.SafeLoader(content)
        node = loader.get_single_node()
        if node is None or node.tag == "tag:yaml.org,2002:null":
            return None
        return _written_node(loader, node, file, iter(range(_MOST_VALUES)))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        raise RuleError(f"{file}{line}", f"not YAML: {error.problem or error.context}") from None
    except (yaml.YAMLError, RecursionError, UnicodeError) as error:
        raise RuleError(file, f"not YAML: {' '.join(str(error).split())}") from None
    finally:
        if loader is not None:
            loader.dispose()


def _written_node(loader: yaml.SafeLoader, node: yaml.Node, file: str, budget: Iterator[int]) -> Written:
    place = f"{file}:{node.start_mark.line + 1}"
    if next(budget, None) is None:
        raise RuleError(place, f"expected at most {_MOST_VALUES:,} values")
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Written] = {}
        for key_node, value_node in node.value:
            at = f"{file}:{key_node.start_mark.line + 1}"
            if not isinstance(key_node, yaml.ScalarNode):
                raise RuleError(at, "expected a key")
            if key_node.value in found:
                raise RuleError(at, f"{key_node.value} is given twice")
            value = _written_node(loader, value_node, file, budget)
            # The line of the key: of a mapping the first key below it would be shown.
            found[key_node.value] = Written(value.value, at, value.text)
        return Written(found, place)
    if isinstance(node, yaml.SequenceNode):
        return Written([_written_node(loader, item, file, budget) for item in node.value], place)
    try:
        return Written(loader.construct_object(node), place, str(node.value))
    except (ValueError, yaml.YAMLError) as error:  # such as the date 2024-13-45
        raise RuleError(place, " ".join(str(error).split())) from None
