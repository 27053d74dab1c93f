"""The classes and functions that stored state may name."""

import collections
import statistics
import sys
from collections.abc import Iterator
from importlib import import_module
from types import BuiltinFunctionType, FunctionType
from typing import Any, Final

PLAIN: Final = (
    *(bool, int, float, str, bytes, list, dict, set, frozenset, tuple),
    *(collections.deque, collections.Counter, collections.defaultdict, collections.OrderedDict),
    statistics.NormalDist,
)
"""Classes outside of River whose names may stand in state."""
# The parts of River that estimators are made of. Its data sets, streams and checks read files and networks.
_PARTS: Final = frozenset(
    [
        *("_river_rust", "anomaly", "base", "cluster", "compose", "covariance", "drift", "dummy", "ensemble"),
        *("facto", "feature_extraction", "feature_selection", "forest", "imblearn", "linear_model"),
        *("metrics", "model_selection", "multiclass", "multioutput", "naive_bayes", "neighbors", "optim"),
        *("preprocessing", "proba", "rules", "sketch", "stats", "time_series", "tree", "utils"),
    ]
)
_FUNCTIONS: Final = (FunctionType, BuiltinFunctionType)


class Permitted:
    """Finds classes and functions by their names, if stored state may name them.

    These are the classes and functions of River's estimators, the plain types, and, since you trust the code
    that your settings name, the classes of the module that makes the detector, and the classes and functions
    that a new detector already holds.

    Parameters
    ----------
    detector
        A new detector, as the settings make it.
    module
        The name of the module that makes it.

    Examples
    --------
    >>> from river import anomaly
    >>> permitted = Permitted(anomaly.GaussianScorer(), "river.anomaly")
    >>> permitted.find("river.proba.gaussian:Gaussian").__name__
    'Gaussian'
    >>> print(permitted.find("builtins:eval"), permitted.find("river.datasets.base:os"))
    None None
    """

    def __init__(self, detector: Any, module: str = "") -> None:
        self._module = module
        self._found: dict[str, Any] = {name_of(kind): kind for kind in PLAIN}
        for named in _named_in(detector):
            name = name_of(named)
            # Two functions of one name, such as two lambdas, can't be told apart.
            self._found[name] = named if self._found.get(name, named) is named else None

    def find(self, name: str) -> Any:
        """Return the class or function of this name, or None if state may not name it."""
        if name not in self._found:
            found = self._search(name)
            if found is None:
                return None  # not noted: hostile names must not fill the memory
            self._found[name] = found
        return self._found[name]

    def knows(self, named: Any) -> bool:
        """Tell whether a class or function is found by its own name."""
        return self.find(name_of(named)) is named

    def _search(self, name: str) -> Any:
        module_name, _, path = name.partition(":")
        if module_name == self._module:
            kinds: tuple[type, ...] = (type,)  # what its functions do is not known
        elif _is_part_of_river(module_name):
            kinds = (type, *_FUNCTIONS)
        else:
            return None
        found = _imported(module_name)
        for part in path.split("."):
            found = vars(found).get(part) if isinstance(found, type) else getattr(found, part, None)
            if isinstance(found, staticmethod):
                found = found.__func__
        # What a module has imported from elsewhere has another name.
        if not isinstance(found, kinds) or name_of(found) != name:
            return None
        return found


def name_of(named: Any) -> str:
    """Return the name under which state names a class or function.

    Examples
    --------
    >>> name_of(int)
    'builtins:int'
    """
    return f"{named.__module__}:{named.__qualname__}"


def _is_part_of_river(module: str) -> bool:
    first, _, rest = module.partition(".")
    return first == "river" and rest.partition(".")[0] in _PARTS


def _imported(module: str) -> Any:
    if module in sys.modules:
        return sys.modules[module]
    try:
        return import_module(module)
    except ImportError:
        return None


def _named_in(detector: Any) -> Iterator[Any]:
    """Yield the classes and functions that a detector holds; those of its objects are among them."""
    todo, seen, kept = [detector], set(), []
    while todo:
        value = todo.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        kept.append(value)  # else a temporary object's id may be that of another one
        if isinstance(value, (type, *_FUNCTIONS)):
            yield value
        else:
            if is_plain(type(value)):
                yield type(value)
            todo += _parts_of(value)


def _parts_of(value: Any) -> list[Any]:
    if isinstance(value, dict):
        parts = [*value.keys(), *value.values(), getattr(value, "default_factory", None)]
    elif isinstance(value, list | tuple | set | frozenset | collections.deque):
        parts = list(value)
    else:
        parts = [getattr(value, name, None) for name in ("__self__", "func", "args", "keywords")]
    parts += getattr(value, "__dict__", {}).values()
    parts += [getattr(value, name, None) for kind in type(value).__mro__ for name in slots_of(kind)]
    return parts


def is_plain(kind: type) -> bool:
    """Tell whether the objects of a class are their attributes, and nothing that is written in C.

    Examples
    --------
    >>> is_plain(Permitted), is_plain(dict)
    (True, False)
    """
    try:
        object.__new__(kind)
    except TypeError:
        return False
    return True


def slots_of(kind: type) -> tuple[str, ...]:
    """Return the names in a class's own ``__slots__``, without those of its bases.

    Examples
    --------
    >>> slots_of(statistics.NormalDist)
    ('_mu', '_sigma')
    """
    slots = vars(kind).get("__slots__", ())
    named = (slots,) if isinstance(slots, str) else slots
    return tuple(name for name in named if name not in ("__dict__", "__weakref__"))
