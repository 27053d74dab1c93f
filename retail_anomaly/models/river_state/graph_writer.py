"""A River detector as bytes."""

import functools
import random
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any, Final, Literal

import msgspec
import numpy as np

from retail_anomaly.core.errors import RetailAnomalyError
from retail_anomaly.models.river_state import node_kinds as kinds
from retail_anomaly.models.river_state.permitted import Permitted, is_plain, name_of, slots_of

Node = list[Any]
_pack: Final = msgspec.msgpack.Encoder().encode
_ATOMS: Final = frozenset([type(None), bool, float, str, bytes])
_RUST: Final = "river._river_rust."
_NO_SLOT: Final = object()


class UnstorableError(RetailAnomalyError):
    """A detector holds something that can't be stored; the text is one line that names it.

    Examples
    --------
    >>> raise UnstorableError("it holds a file")
    Traceback (most recent call last):
    ...
    retail_anomaly.models.river_state.graph_writer.UnstorableError: it holds a file
    """


def pack(detector: Any, permitted: Permitted) -> bytes:
    """Return a detector, or anything made of River's objects, as bytes for `unpack`.

    Equal histories give equal bytes, unless a random generator has no seed.

    Parameters
    ----------
    detector
        The detector. It is not changed.
    permitted
        The classes and functions that may occur in it.

    Raises
    ------
    UnstorableError
        It holds something that can't be stored, such as an open file.

    Examples
    --------
    >>> from river import stats
    >>> len(pack([stats.Mean()], Permitted(None)))
    63
    """
    try:
        return _pack(_Graph(permitted).of(detector))
    except (OverflowError, UnicodeEncodeError, RecursionError, ValueError) as error:
        raise UnstorableError(f"it holds what can't be stored: {error}") from None


class _Graph:
    """The nodes of what is being packed."""

    def __init__(self, permitted: Permitted) -> None:
        self._permitted = permitted
        self._nodes: list[Node] = []
        self._places: dict[int, int] = {}
        self._todo: list[tuple[int, Any]] = []
        self._kept: list[Any] = []  # so that no temporary object has the id of an earlier one
        self._shapes: list[Node] = []
        self._shape_numbers: dict[tuple[Any, ...], int] = {}
        self._names: dict[Any, str] = {}

    def of(self, root: Any) -> Node:
        """Return shapes, nodes and root."""
        value = self._value(root)
        while self._todo:
            place, each = self._todo.pop()
            self._nodes[place] = self._node(each)
        return [self._shapes, self._nodes, value]

    def _value(self, value: Any) -> Any:
        kind = type(value)
        if kind in _ATOMS or (kind is int and -(2**63) <= value < 2**63):
            return value
        place = self._places.get(id(value))
        if place is None:
            place = self._places[id(value)] = len(self._nodes)
            self._nodes.append([])
            self._kept.append(value)
            self._todo.append((place, value))
        return [place]

    def _values(self, values: Iterable[Any]) -> Node:
        # Most values are texts and numbers: this asks `_value` about the others only.
        return [each if type(each) in _ATOMS else self._value(each) for each in values]

    def _pairs(self, entries: dict[Any, Any]) -> Node:
        return self._values(each for pair in entries.items() for each in pair)

    def _node(self, value: Any) -> Node:
        write = _WRITERS.get(type(value))
        if write is not None:
            return write(self, value)
        if isinstance(value, type):
            return [kinds.CLASS, self._name(value)]
        return self._object(value)

    def _name(self, named: Any) -> str:
        name = self._names.get(named)
        if name is None:
            name = self._names[named] = name_of(named)
            if not self._permitted.knows(named):
                raise UnstorableError(f"it holds {name.replace(':', '.')}, which can't be stored")
        return name

    def _object(self, value: Any) -> Node:
        kind = type(value)
        name = self._name(kind)
        if kind.__module__.startswith(_RUST):
            return self._of_rust(value, name)
        if isinstance(value, tuple):
            return [kinds.NAMED_TUPLE, name, *self._values(value)]
        shape, values = self._attributes(value, kind, name)
        if isinstance(value, deque):
            return [kinds.OWN_DEQUE, shape, len(values), *values, value.maxlen, *self._values(value)]
        if not is_plain(kind):
            raise UnstorableError(f"it holds {name.replace(':', '.')}, which can't be stored")
        return [kinds.OBJECT, shape, *values]

    def _attributes(self, value: Any, kind: type, name: str) -> tuple[int, Node]:
        attributes = getattr(value, "__dict__", None) or {}
        slots = {
            slot: held for slot in _slots(kind) if (held := getattr(value, slot, _NO_SLOT)) is not _NO_SLOT
        }
        key = (kind, *attributes, None, *slots)
        shape = self._shape_numbers.get(key)
        if shape is None:
            shape = self._shape_numbers[key] = len(self._shapes)
            self._shapes.append([name, list(attributes), list(slots)])
        return shape, self._values((*attributes.values(), *slots.values()))

    def _of_rust(self, value: Any, name: str) -> Node:
        try:
            made_by, arguments, *rest = value.__reduce_ex__(4)
        except TypeError as error:
            raise UnstorableError(f"it holds {name.replace(':', '.')}: {error}") from None
        if made_by is type(value):  # VectorDict
            return [kinds.VECTOR, name, *self._values(arguments)]
        if not rest or not isinstance(rest[0], bytes):
            raise UnstorableError(f"it holds {name.replace(':', '.')}, which can't be stored")
        return [kinds.RUST, name, rest[0], *self._values(arguments[1:])]

    def _list(self, value: list[Any]) -> Node:
        return [kinds.LIST, *self._values(value)]

    def _tuple(self, value: tuple[Any, ...]) -> Node:
        return [kinds.TUPLE, *self._values(value)]

    def _dict(self, value: dict[Any, Any]) -> Node:
        return [kinds.DICT, *self._pairs(value)]

    def _ordered(self, value: OrderedDict[Any, Any]) -> Node:
        return [kinds.ORDERED, *self._pairs(value)]

    def _counter(self, value: Counter[Any]) -> Node:
        return [kinds.COUNTER, *self._pairs(value)]

    def _defaults(self, value: defaultdict[Any, Any]) -> Node:
        return [kinds.DEFAULTS, self._value(value.default_factory), *self._pairs(value)]

    def _set(self, value: set[Any] | frozenset[Any]) -> Node:
        kind = kinds.SET if type(value) is set else kinds.FROZENSET
        # A set of texts has another order in each process, and one of numbers an order by its past.
        alike = len({type(each) for each in value}) == 1 and isinstance(next(iter(value)), str | int | float)
        return [kind, *self._values(sorted(value) if alike else value)]

    def _deque(self, value: deque[Any]) -> Node:
        return [kinds.DEQUE, value.maxlen, *self._values(value)]

    def _function(self, value: Any) -> Node:
        holder = getattr(value, "__self__", None)
        if isinstance(value, BuiltinFunctionType) and isinstance(holder, random.Random):
            return [kinds.METHOD, self._value(holder), value.__name__]
        return [kinds.FUNCTION, self._name(value)]

    def _method(self, value: MethodType) -> Node:
        name = value.__func__.__name__
        if getattr(type(value.__self__), name, None) is not value.__func__:
            raise UnstorableError(f"it holds the method {name}, which can't be stored")
        return [kinds.METHOD, self._value(value.__self__), name]

    def _partial(self, value: functools.partial[Any]) -> Node:
        return [
            kinds.PARTIAL,
            self._value(value.func),
            *(self._value(value.args), self._value(value.keywords)),
        ]

    def _array(self, value: np.ndarray[Any, Any]) -> Node:
        if value.dtype.kind not in "biufc":
            raise UnstorableError(f"it holds an array of {value.dtype}, which can't be stored")
        # Sums may depend on the order in memory.
        order: Literal["C", "F"] = "F" if value.flags.f_contiguous and not value.flags.c_contiguous else "C"
        return [kinds.ARRAY, value.dtype.str, order, list(value.shape), value.tobytes(order)]

    def _scalar(self, value: np.generic) -> Node:
        return [kinds.SCALAR, value.dtype.str, value.tobytes()]

    def _random(self, value: random.Random) -> Node:
        _, words, pair = value.getstate()
        return [kinds.RANDOM, np.array(words[:-1], "<u4").tobytes(), words[-1], pair]

    def _random_state(self, value: np.random.RandomState) -> Node:
        found: Any = value.get_state(legacy=False)
        if found["bit_generator"] != "MT19937":
            raise UnstorableError(
                f"it holds a RandomState of {found['bit_generator']}, which can't be stored"
            )
        twister = found["state"]
        words = twister["key"].astype("<u4").tobytes()
        return [kinds.RANDOM_STATE, words, int(twister["pos"]), found["has_gauss"], found["gauss"]]

    def _long(self, value: int) -> Node:
        return [kinds.LONG, value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)]


@functools.cache
def _slots(kind: type) -> tuple[str, ...]:
    """Return all slots of a class's objects, by the names that they have in their class."""
    return tuple(
        f"_{base.__name__.lstrip('_')}{slot}" if slot.startswith("__") and not slot.endswith("__") else slot
        for base in kind.__mro__
        for slot in slots_of(base)
    )


_NUMBERS: Final = (np.bool_, np.int64, np.int32, np.uint8, np.uint32, np.uint64, np.float32, np.float64)
_WRITERS: Final[dict[type, Callable[[_Graph, Any], Node]]] = {
    list: _Graph._list,
    tuple: _Graph._tuple,
    dict: _Graph._dict,
    set: _Graph._set,
    frozenset: _Graph._set,
    deque: _Graph._deque,
    OrderedDict: _Graph._ordered,
    Counter: _Graph._counter,
    defaultdict: _Graph._defaults,
    FunctionType: _Graph._function,
    BuiltinFunctionType: _Graph._function,
    MethodType: _Graph._method,
    functools.partial: _Graph._partial,
    np.ndarray: _Graph._array,
    random.Random: _Graph._random,
    np.random.RandomState: _Graph._random_state,
    int: _Graph._long,
    **dict.fromkeys(_NUMBERS, _Graph._scalar),
}
