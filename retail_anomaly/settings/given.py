"""Values with the place where they were given."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple, TypeAlias

DEFAULT: Final = "default"


class Given(NamedTuple):
    """A value, and its source: a file with the line, an environment variable or a flag."""

    value: Any
    source: str


Tree: TypeAlias = dict[str, Any]
"""Further trees, or `Given` values, by key."""


def leaf_sources(tree: Tree, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the dotted path and the source of every value.

    Examples
    --------
    >>> list(leaf_sources({"streamer": {"broker": Given("b:9092", "flag --broker")}}))
    [('streamer.broker', 'flag --broker')]
    """
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from leaf_sources(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value.source


def first_source(given: "Tree | Given") -> str:
    """Return the source of a value, or of the first value in a tree."""
    return given.source if isinstance(given, Given) else next(leaf_sources(given))[1]


def lay_over(below: Tree, above: Tree) -> None:
    """Put the values of one tree over those of another, which changes.

    Examples
    --------
    >>> tree = {"a": {"b": Given(1, "x"), "c": Given(2, "x")}}
    >>> lay_over(tree, {"a": {"c": Given(3, "y")}})
    >>> tree["a"]["b"].value, tree["a"]["c"].value
    (1, 3)
    """
    for key, value in above.items():
        if isinstance(value, dict) and isinstance(below.get(key), dict):
            lay_over(below[key], value)
        else:
            below[key] = value
