"""Bytes as a River detector: the restricted reader."""

import functools
import random
import re
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from math import prod
from types import FunctionType, MemberDescriptorType, MethodType
from typing import Any, Final, NoReturn

import msgspec
import numpy as np

from retail_anomaly.core.errors import RetailAnomalyError
from retail_anomaly.models.river_state import node_kinds as kinds
from retail_anomaly.models.river_state.graph_writer import Node
from retail_anomaly.models.river_state.permitted import Permitted

_Content = tuple[list[tuple[str, list[str], list[str]]], list[list[Any]], Any]
_decode: Final = msgspec.msgpack.Decoder(_Content).decode
_TYPE: Final = re.compile(r"[<>|=][biufc]\d{1,2}")
_RUST: Final = "river._river_rust"
_MOST: Final = 10_000_000  # Rust reserves memory for a window of so many numbers at once


class RefusedStateError(RetailAnomalyError, ValueError):
    """Stored state is not that of a detector, or names what it may not; the text is one line.

    Examples
    --------
    >>> raise RefusedStateError("it is no state of a detector")
    Traceback (most recent call last):
    ...
    retail_anomaly.models.river_state.graph_reader.RefusedStateError: it is no state of a detector
    """


def unpack(content: bytes, permitted: Permitted) -> Any:
    """Return the detector that `pack` made bytes of.

    Parameters
    ----------
    content
        Whatever somebody stored.
    permitted
        The classes and functions that it may name.

    Raises
    ------
    RefusedStateError
        It is not what `pack` writes, or names anything else.

    Examples
    --------
    >>> unpack(b"(i__builtin__ eval", Permitted(None))
    Traceback (most recent call last):
    ...
    retail_anomaly.models.river_state.graph_reader.RefusedStateError: it is no state of a detector
    """
    try:
        shapes, nodes, root = _decode(content)
        return _Objects(shapes, nodes, permitted).of(root)
    except RefusedStateError:
        raise
    except BaseException as error:
        # River's part in Rust panics at state that it can't read.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise RefusedStateError("it is no state of a detector") from None


def _refuse(said: str) -> NoReturn:
    raise RefusedStateError(said)


class _Objects:
    """The objects of state that is being read.

    What can be changed later is made empty first and filled afterwards, since objects may refer to each
    other. What can't is made when something refers to it.
    """

    def __init__(self, shapes: list[Any], nodes: list[Node], permitted: Permitted) -> None:
        self._permitted = permitted
        self._shapes = [
            (self._class(name), attributes, self._setters(name, slots)) for name, attributes, slots in shapes
        ]
        self._nodes = nodes
        self._made: list[Any] = [_UNMADE] * len(nodes)

    def of(self, root: Any) -> Any:
        """Return the root with all that belongs to it."""
        made, nodes = self._made, self._nodes
        for place, node in enumerate(nodes):
            empty = _EMPTY.get(node[0])
            if empty is not None:
                made[place] = empty(self, node)
        # Keys are looked up by their hash, which an object may compute from its attributes.
        keyed = []
        for place, node in enumerate(nodes):
            if node[0] in _KEYED:
                keyed.append(place)
            elif node[0] in _EMPTY:
                self._fill(made[place], node)
        for place in keyed:
            self._fill_keyed(made[place], nodes[place])
        return self._value(root)

    def _value(self, value: Any) -> Any:
        if type(value) is not list:
            return value
        (place,) = value
        if type(place) is not int or place < 0:
            _refuse("it is no state of a detector")
        found = self._made[place]
        if found is _UNMADE or found is _IN_WORK:
            if found is _IN_WORK:
                _refuse("it is no state of a detector: a value contains itself")
            self._made[place] = _IN_WORK
            node = self._nodes[place]
            found = self._made[place] = _MAKERS[node[0]](self, node)
        return found

    def _values(self, values: list[Any]) -> Iterator[Any]:
        return map(self._value, values)

    def _pairs(self, values: list[Any]) -> Iterator[tuple[Any, Any]]:
        each = self._values(values)
        return zip(each, each, strict=True)

    def _class(self, name: str) -> type:
        found = self._permitted.find(name)
        if not isinstance(found, type):
            _refuse(f"it names {name[:100]!r}, which is no class of a detector")
        return found

    def _setters(self, name: str, slots: list[str]) -> list[Callable[[Any, Any], None]]:
        setters = []
        for slot in slots:
            # Not setattr: a property's setter, or a metaclass, would run.
            found = next((vars(b)[slot] for b in self._class(name).__mro__ if slot in vars(b)), None)
            if not isinstance(found, MemberDescriptorType):
                _refuse(f"{name[:100]} has no slot {slot[:100]!r}")
            setters.append(found.__set__)
        return setters

    # --- Made empty, then filled ------------------------------------------------------------------

    def _empty_object(self, node: Node) -> Any:
        return object.__new__(self._shapes[node[1]][0])

    def _empty_own_deque(self, node: Node) -> Any:
        kind = self._shapes[node[1]][0]
        made: deque[Any] = deque.__new__(kind)
        deque.__init__(made, (), node[3 + node[2]])
        return made

    def _fill(self, made: Any, node: Node) -> None:
        kind = node[0]
        if kind == kinds.LIST:
            made.extend(self._values(node[1:]))
        elif kind == kinds.DEQUE:
            made.extend(self._values(node[2:]))
        elif kind == kinds.OBJECT:
            self._fill_attributes(made, node[1], node[2:])
        else:
            end = 3 + node[2]
            self._fill_attributes(made, node[1], node[3:end])
            deque.extend(made, self._values(node[end + 1 :]))

    def _fill_attributes(self, made: Any, shape: int, values: list[Any]) -> None:
        _, attributes, setters = self._shapes[shape]
        count = len(attributes)
        if len(values) != count + len(setters):
            _refuse("it is no state of a detector: an object lacks attributes")
        if count:
            made.__dict__.update(zip(attributes, self._values(values[:count]), strict=True))
        for setter, value in zip(setters, values[count:], strict=True):
            setter(made, self._value(value))

    def _fill_keyed(self, made: Any, node: Node) -> None:
        kind = node[0]
        if kind == kinds.SET:
            made.update(self._values(node[1:]))
            return
        begin = 1
        if kind == kinds.DEFAULTS:
            factory = self._value(node[1])
            if factory is not None and not callable(factory):
                _refuse("it is no state of a detector: a default is not made by a function")
            made.default_factory = factory
            begin = 2
        for key, value in self._pairs(node[begin:]):
            made[key] = value

    # --- Made at once -----------------------------------------------------------------------------

    def _tuple(self, node: Node) -> Any:
        return tuple(self._values(node[1:]))

    def _frozenset(self, node: Node) -> Any:
        return frozenset(self._values(node[1:]))

    def _named_tuple(self, node: Node) -> Any:
        kind = self._class(node[1])
        if not issubclass(kind, tuple):
            _refuse(f"{node[1][:100]} is no tuple")
        return tuple.__new__(kind, self._values(node[2:]))

    def _named_class(self, node: Node) -> Any:
        return self._class(node[1])

    def _function(self, node: Node) -> Any:
        found = self._permitted.find(node[1])
        if found is None or isinstance(found, type):
            _refuse(f"it names {node[1][:100]!r}, which is no function of a detector")
        return found

    def _method(self, node: Node) -> Any:
        holder, name = self._value(node[1]), node[2]
        kind = type(holder)
        if name.startswith("__") or isinstance(holder, type):
            _refuse(f"it names the method {name[:100]!r}")
        if kind is random.Random and name in ("random", "getrandbits"):
            return getattr(holder, name)
        found = getattr(kind, name, None)
        if not isinstance(found, FunctionType) or kind.__module__ == "builtins":
            _refuse(f"it names the method {name[:100]!r}, which {kind.__name__} does not have")
        return MethodType(found, holder)

    def _partial(self, node: Node) -> Any:
        function, arguments = self._value(node[1]), self._value(node[2])
        if not callable(function) or type(arguments) is not tuple:
            _refuse("it is no state of a detector: a partial call of no function")
        return functools.partial(function, *arguments, **self._filled(node[3]))

    def _array(self, node: Node) -> Any:
        _, kind, order, shape, content = node
        found = self._type(kind)
        if prod(shape) * found.itemsize != len(content) or any(n < 0 for n in shape) or order not in "CF":
            _refuse("it is no state of a detector: an array of another size")
        return np.frombuffer(content, found).copy().reshape(shape, order=order)

    def _scalar(self, node: Node) -> Any:
        return np.frombuffer(node[2], self._type(node[1]), 1)[0]

    def _type(self, kind: str) -> np.dtype[Any]:
        if not _TYPE.fullmatch(kind):
            _refuse(f"it holds an array of {kind[:100]!r}")
        return np.dtype(kind)

    def _random(self, node: Node) -> Any:
        _, words, place, pair = node
        made = random.Random()
        if not (pair is None or type(pair) is float):
            _refuse("it is no state of a detector: a wrong random number")
        made.setstate((3, (*self._words(words, place), place), pair))
        return made

    def _random_state(self, node: Node) -> Any:
        _, words, place, has_pair, pair = node
        made = np.random.RandomState()
        state = {"key": np.array(self._words(words, place), np.uint32), "pos": place}
        made.set_state(
            {"bit_generator": "MT19937", "state": state, "has_gauss": int(has_pair), "gauss": float(pair)}
        )
        return made

    def _words(self, content: bytes, place: Any) -> list[int]:
        # NumPy does not check the place, and would read beyond the words.
        if len(content) != 4 * kinds.WORDS or type(place) is not int or not 0 <= place <= kinds.WORDS:
            _refuse("it is no state of a detector: a wrong place among random numbers")
        words: list[int] = np.frombuffer(content, "<u4").tolist()
        return words

    def _long(self, node: Node) -> int:
        return int.from_bytes(node[1], "little", signed=True)

    def _of_rust(self, node: Node) -> Any:
        _, name, content, *arguments = node
        kind = self._class(name)
        if not kind.__module__.startswith(_RUST):
            _refuse(f"{name[:100]} is no class of River's part in Rust")
        if any(type(value) not in (int, float, bool) or abs(value) > _MOST for value in arguments):
            _refuse(f"it makes a {name[:100]} of other than small numbers")
        made = kind.__new__(kind, *arguments)
        made.__setstate__(content)  # type: ignore[attr-defined]
        return made

    def _vector(self, node: Node) -> Any:
        kind = self._class(node[1])
        if node[1] != f"{_RUST}.vectordict:VectorDict":
            _refuse(f"{node[1][:100]} is no VectorDict")
        entries, factory, mask, copy = node[2:]
        return kind(self._filled(entries), self._value(factory), self._filled(mask), copy)

    def _filled(self, value: Any) -> Any:
        """Return a dictionary or set with its content, for what copies it at once."""
        if type(value) is not list:
            return value
        node = self._nodes[value[0]]
        if node[0] == kinds.DICT:
            return dict(self._pairs(node[1:]))
        return set(self._values(node[1:])) if node[0] == kinds.SET else self._value(value)


_UNMADE: Final = object()
_IN_WORK: Final = object()
_KEYED: Final = frozenset([kinds.DICT, kinds.SET, kinds.ORDERED, kinds.DEFAULTS, kinds.COUNTER])
_EMPTY: Final[dict[int, Callable[[_Objects, Node], Any]]] = {
    kinds.OBJECT: _Objects._empty_object,
    kinds.OWN_DEQUE: _Objects._empty_own_deque,
    kinds.LIST: lambda _, __: [],
    kinds.DICT: lambda _, __: {},
    kinds.SET: lambda _, __: set(),
    kinds.DEQUE: lambda _, node: deque(maxlen=node[1]),
    kinds.ORDERED: lambda _, __: OrderedDict(),
    kinds.DEFAULTS: lambda _, __: defaultdict(),
    kinds.COUNTER: lambda _, __: Counter(),
}
_MAKERS: Final[dict[int, Callable[[_Objects, Node], Any]]] = {
    kinds.TUPLE: _Objects._tuple,
    kinds.FROZENSET: _Objects._frozenset,
    kinds.NAMED_TUPLE: _Objects._named_tuple,
    kinds.CLASS: _Objects._named_class,
    kinds.FUNCTION: _Objects._function,
    kinds.METHOD: _Objects._method,
    kinds.PARTIAL: _Objects._partial,
    kinds.ARRAY: _Objects._array,
    kinds.SCALAR: _Objects._scalar,
    kinds.RANDOM: _Objects._random,
    kinds.RANDOM_STATE: _Objects._random_state,
    kinds.LONG: _Objects._long,
    kinds.RUST: _Objects._of_rust,
    kinds.VECTOR: _Objects._vector,
}
