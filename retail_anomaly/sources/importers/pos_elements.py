"""A POSLog transaction as values by path; paths that no dialect names are counted."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

from retail_anomaly.sources.importers.dialect import Dialect, Part, Paths

# Enough for the whole schema of ARTS; a file of invented names must not fill the memory.
_MOST_PATHS: Final = 20_000
_LAST: Final = 1_000_000


class PosRecord:
    """The values of a transaction, or of one of its parts.

    Attributes
    ----------
    values
        Texts by path, empty where an element has none.
    parts
        The records of parts, by the part's name.
    """

    __slots__ = ("parts", "values")

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.parts: dict[str, list[PosRecord]] = {}

    def first(self, paths: Iterable[str]) -> str:
        """Return the first text at one of the paths, or an empty one."""
        for path in paths:
            if text := self.values.get(path):
                return text
        return ""

    def has(self, paths: Iterable[str]) -> bool:
        """Tell whether one of the paths is there; ``path=value`` must have this text, in any case."""
        for test in paths:
            path, equals, text = test.partition("=")
            found = self.values.get(path)
            if found is not None and (not equals or found.lower() == text.lower()):
                return True
        return False


class FieldTexts:
    """Finds the fields of records.

    A record has few values and a dialect many paths for each field, so a record is read value by value.

    Parameters
    ----------
    paths
        The paths of each field, the one that counts most in front.

    Examples
    --------
    >>> record = PosRecord()
    >>> record.values |= {"UnitID": "7", "StoreID": "", "Till": "3"}
    >>> FieldTexts({"store": ["StoreID", "UnitID"], "register": ["Till"], "number": ["Number"]}).of(record)
    {'store': '7', 'register': '3'}
    """

    def __init__(self, paths: Paths) -> None:
        self._by_path: dict[str, list[tuple[str, int]]] = {}
        for field, names in paths.items():
            for rank, path in enumerate(names):
                self._by_path.setdefault(path, []).append((field, rank))

    def of(self, record: PosRecord) -> dict[str, str]:
        """Return the texts of the fields that a record has."""
        found: dict[str, str] = {}
        ranks: dict[str, int] = {}
        for path, text in record.values.items():
            if text:
                for field, rank in self._by_path.get(path, ()):
                    if rank < ranks.get(field, _LAST):
                        found[field], ranks[field] = text, rank
        return found


class _Node:
    """A place below a transaction: an element or an attribute, and the elements in it."""

    __slots__ = ("attributes", "by_tag", "children", "count", "key", "leaf", "part", "path", "used")

    def __init__(self, path: str) -> None:
        self.path = path
        self.key: str | None = None  # the path inside the record, where a field is read from here
        self.part: str | None = None  # the part that begins here
        self.used = False  # a field is read from here or from below
        self.leaf = False  # a field is read from here and none from below
        self.count = 0
        self.children: dict[str, _Node] = {}
        self.by_tag: dict[Any, _Node] = {}
        self.attributes: dict[str, _Node] = {}

    def child(self, name: str) -> "_Node":
        places = self.attributes if name.startswith("@") else self.children
        if name not in places:
            places[name] = _Node(f"{self.path}/{name}")
        return places[name]


class TransactionPaths:
    """Reads transactions by the paths of a dialect.

    Parameters
    ----------
    dialect
        The dialect.

    Attributes
    ----------
    name
        The name of the element of a transaction.

    Examples
    --------
    >>> from lxml import etree
    >>> from retail_anomaly.sources.importers.dialect import read_dialect
    >>> paths = TransactionPaths(read_dialect("poslog-2"))
    >>> record = paths.read(etree.fromstring(
    ...     "<Transaction><WorkstationID>3</WorkstationID><Till>7</Till></Transaction>"))
    >>> record.values, paths.unused()
    ({'WorkstationID': '3'}, Counter({'Transaction/Till': 1}))
    """

    def __init__(self, dialect: Dialect) -> None:
        self.name = dialect.transaction
        self._root = _Node(dialect.transaction)
        self._paths = 0
        links = ("links", dialect.links, ())
        modifications = ("modifications", dialect.modifications, ())
        goods = (modifications, links)
        in_lines = (
            ("sales", dialect.sales, goods),
            ("returns", dialect.returns, goods),
            ("tenders", dialect.tenders, ()),
            modifications,
            links,
        )
        fields = (dialect.fields, dialect.control, dialect.control_fields)
        _grow(self._root, [path for group in fields for paths in group.values() for path in paths])
        # Links of a transaction may stand in its RetailTransaction.
        places = {path.rpartition("/")[0] for path in dialect.lines.elements}
        everywhere = [f"{place}/{name}" for place in places for name in dialect.links.elements]
        in_transaction = Part([*dialect.links.elements, *everywhere], dialect.links.fields)
        for part in (
            ("totals", dialect.totals, ()),
            ("lines", dialect.lines, in_lines),
            ("links", in_transaction, ()),
        ):
            _grow_part(self._root, *part)
        _mark_leaves(self._root)

    def read(self, element: Any) -> PosRecord:
        """Return the values of a transaction."""
        record = PosRecord()
        self._fill(element, self._root, record)
        return record

    def peek(self, element: Any) -> PosRecord:
        """Return the fields of a transaction without its parts, and count nothing."""
        record = PosRecord()
        self._glance(element, self._root, record)
        return record

    def unused(self) -> Counter[str]:
        """Return how often each path was met from which nothing is read, the outermost ones."""
        found: Counter[str] = Counter()
        waiting = [self._root]
        while waiting:
            node = waiting.pop()
            for below in (*node.attributes.values(), *node.children.values()):
                if below.used:
                    waiting.append(below)
                elif below.count:
                    found[below.path] = below.count
        return found

    def _fill(self, element: Any, node: _Node, record: PosRecord) -> None:
        values, by_tag = record.values, node.by_tag
        if node.key is not None:
            _keep(values, node.key, element.text)
        for name, text in element.items():
            self._attribute(node, name, text, record)
        for child in element:
            below = by_tag.get(child.tag)
            if below is None:
                below = self._met(node, child.tag)
            below.count += 1
            if below.leaf:  # most elements: without a call
                _keep(values, below.key, child.text)
            elif below.used:
                inner = record
                if below.part is not None:
                    inner = PosRecord()
                    record.parts.setdefault(below.part, []).append(inner)
                self._fill(child, below, inner)

    def _glance(self, element: Any, node: _Node, record: PosRecord) -> None:
        if node.key is not None and element.text:
            record.values.setdefault(node.key, element.text.strip())
        for child in element:
            tag = child.tag
            below = node.children.get(tag.rpartition("}")[2]) if isinstance(tag, str) else None
            if below is not None and below.used and below.part is None:
                self._glance(child, below, record)

    def _attribute(self, node: _Node, name: str, text: str, record: PosRecord) -> None:
        local = "@" + name.rpartition("}")[2]
        below = node.attributes.get(local)
        if below is None:
            below = self._limited(node, local)
        below.count += 1
        if below.key is not None and (text := text.strip()):
            record.values.setdefault(below.key, text)

    def _met(self, node: _Node, tag: Any) -> _Node:
        # An entity that nothing defines has no name.
        below = self._limited(node, tag.rpartition("}")[2] if isinstance(tag, str) else "&entity;")
        if self._paths < _MOST_PATHS:
            node.by_tag[tag] = below
        return below

    def _limited(self, node: _Node, name: str) -> _Node:
        places = node.attributes if name.startswith("@") else node.children
        if name not in places:
            self._paths += 1
        return node.child(name if self._paths < _MOST_PATHS or name in places else "others")


def _keep(values: dict[str, str], key: Any, text: str | None) -> None:
    """Keep the first text; an element without one is there all the same."""
    text = text.strip() if text else ""
    if text or key not in values:
        values[key] = values.get(key) or text


def _mark_leaves(node: _Node) -> None:
    node.leaf = node.key is not None and node.part is None and not (node.children or node.attributes)
    for below in node.children.values():
        _mark_leaves(below)


def _grow(node: _Node, paths: Sequence[str], *, key: bool = True) -> list[_Node]:
    """Make the places of paths below a place and return them."""
    ends = []
    for test in paths:
        path = test.partition("=")[0]
        place = node
        for name in filter(None, path.split("/")):
            place = place.child(name)
            place.used = True
        if key:
            place.key = path
        ends.append(place)
    return ends


def _grow_part(node: _Node, name: str, part: Part, inner: Sequence[Any]) -> None:
    for place in _grow(node, part.elements, key=False):
        place.part = name
        _grow(place, [path for paths in part.fields.values() for path in paths])
        for below in inner:
            _grow_part(place, *below)
