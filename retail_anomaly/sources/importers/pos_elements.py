"""A POSLog transaction as texts by field; paths that no dialect names are counted."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from retail_anomaly.sources.importers.dialect import Dialect, Part, Paths

CONTROL: Final = "control"
"""The field of a transaction with the type of the event that its control elements make it."""

# Enough for the whole schema of ARTS; a file of invented names must not fill the memory.
_MOST_PATHS: Final = 20_000
_LAST: Final = 1_000_000  # a rank behind all


def control_field(name: str) -> str:
    """Return the field of a transaction that has a text of its control elements."""
    return f"{CONTROL}/{name}"


def sku_field(place: int) -> str:
    """Return the field of goods with the text of one path of the article; path 0 counts most."""
    return f"sku/{place}"


class Read(NamedTuple):
    """A field that is read from a place.

    Parameters
    ----------
    field
        Its name.
    rank
        The place among those of the field: 0 counts most.
    wanted, mark
        For control elements: the text that must stand there in lower case, None for any; and the field's text
        then. A mark that is None: the text itself.
    alone
        Whether the field is read from no other place.
    """

    field: str
    rank: int
    wanted: str | None = None
    mark: str | None = None
    alone: bool = False


class PosRecord:
    """The texts of a transaction, or of one of its parts.

    Attributes
    ----------
    texts
        Texts by field; a field without a text is not there.
    parts
        The records of parts, by the part's name.

    Examples
    --------
    >>> record = PosRecord()
    >>> record.keep((Read("time", 1),), "12:00")
    >>> record.keep((Read("time", 0),), "11:59")
    >>> record.keep((Read("time", 2),), "12:01")
    >>> record.texts
    {'time': '11:59'}
    """

    __slots__ = ("_ranks", "parts", "texts")

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.parts: dict[str, list[PosRecord]] = {}
        self._ranks: dict[str, int] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what was read, and not which place each text is from."""
        return _record_of, (self.texts, self.parts)

    def keep(self, reads: Sequence[Read], text: str) -> None:
        """Keep the text of a place for its fields, where none that counts more is there."""
        for field, rank, wanted, mark, _ in reads:
            if mark is not None:
                if wanted is not None and wanted != text.lower():
                    continue
            elif not text:
                continue
            if rank < self._ranks.get(field, _LAST):
                self.texts[field] = text if mark is None else mark
                self._ranks[field] = rank


def _record_of(texts: dict[str, str], parts: dict[str, list[PosRecord]]) -> PosRecord:
    record = PosRecord()
    record.texts, record.parts = texts, parts
    return record


class PosPlace:
    """A place below a transaction: an element or an attribute, and the elements in it.

    Attributes
    ----------
    path
        From the transaction on.
    used
        Whether a field is read from here or from below.
    part
        The part that begins here.
    reads
        The fields that are read from here.
    only
        The field that is read from here and nowhere else, if there is no other to read; then `reads` is
        empty.
    leaf
        Whether no attribute is read.
    above
        The place that this one is below of.
    count
        How often it was met.
    by_tag, by_attribute
        The places below that were met, by names with namespaces.
    """

    __slots__ = (
        "above", "attributes", "by_attribute", "by_tag", "children", "count", "leaf", "only", "part", "path",
        "reads", "used",
    )  # fmt: skip

    def __init__(self, path: str, above: "PosPlace | None" = None) -> None:
        self.path = path
        self.above = self if above is None else above
        self.used = False
        self.part: str | None = None
        self.reads: tuple[Read, ...] = ()
        self.only: str | None = None
        self.leaf = False
        self.count = 0
        self.children: dict[str, PosPlace] = {}
        self.attributes: dict[str, PosPlace] = {}
        self.by_tag: dict[str, PosPlace] = {}
        self.by_attribute: dict[str, PosPlace] = {}

    def child(self, name: str) -> "PosPlace":
        """Return the place of an element, or of an attribute `@name`, below; made if need be."""
        places = self.attributes if name.startswith("@") else self.children
        if name not in places:
            places[name] = PosPlace(f"{self.path}/{name}", self)
        return places[name]


class TransactionPaths:
    """The places that a dialect reads, and those that it does not name.

    Parameters
    ----------
    dialect
        The dialect.

    Attributes
    ----------
    name
        The name of the element of a transaction.
    outside, root
        The place of all elements above a transaction, and that of a transaction.

    Examples
    --------
    >>> from retail_anomaly.sources.importers.dialect import read_dialect
    >>> paths = TransactionPaths(read_dialect("poslog-2"))
    >>> [read.field for read in paths.met(paths.root, "{urn:x}SequenceNumber").reads]
    ['number']
    >>> paths.met(paths.root, "{urn:x}Till").count += 1
    >>> paths.unused()
    Counter({'Transaction/Till': 1})
    """

    def __init__(self, dialect: Dialect) -> None:
        self.name = dialect.transaction
        self.outside = PosPlace("")
        self.outside.used = self.outside.leaf = True
        self.root = PosPlace(dialect.transaction, self.outside)
        self.root.used = True
        self.root.part = "transaction"
        self._paths = 0
        links = ("links", dialect.links, ())
        modifications = ("modifications", dialect.modifications, ())
        goods = (modifications, links)
        in_lines = (
            ("sales", _with_articles(dialect.sales), goods),
            ("returns", _with_articles(dialect.returns), goods),
            ("tenders", dialect.tenders, ()),
            modifications,
            links,
        )
        _grow_fields(self.root, dialect.fields)
        _grow_fields(
            self.root, {control_field(name): paths for name, paths in dialect.control_fields.items()}
        )
        for rank, (event_type, tests) in enumerate(dialect.control.items()):
            for test in tests:
                path, equals, text = test.partition("=")
                read = Read(CONTROL, rank, text.lower() if equals else None, event_type)
                _grow(self.root, path).reads += (read,)
        # Links of a transaction may stand in its RetailTransaction.
        places = {path.rpartition("/")[0] for path in dialect.lines.elements}
        everywhere = [f"{place}/{name}" for place in places for name in dialect.links.elements]
        in_transaction = Part([*dialect.links.elements, *everywhere], dialect.links.fields)
        for part in (
            ("totals", dialect.totals, ()),
            ("lines", dialect.lines, in_lines),
            ("links", in_transaction, ()),
        ):
            _grow_part(self.root, *part)
        _mark_leaves(self.root)

    def unused(self) -> Counter[str]:
        """Return how often each path was met from which nothing is read, the outermost ones."""
        found: Counter[str] = Counter()
        waiting = [self.root]
        while waiting:
            place = waiting.pop()
            for below in (*place.attributes.values(), *place.children.values()):
                if below.used:
                    waiting.append(below)
                elif below.count:
                    found[below.path] = below.count
        return found

    def met(self, place: PosPlace, tag: str) -> PosPlace:
        """Return the place of an element that was met for the first time, by its name with a namespace."""
        name = tag.rpartition("}")[2]
        if place is self.outside:
            if name != self.name:
                return place  # A transaction may stand anywhere.
            below = self.root
        else:
            below = self._limited(place, name)
        if self._paths < _MOST_PATHS:
            place.by_tag[tag] = below
        return below

    def met_attribute(self, place: PosPlace, name: str) -> PosPlace:
        """Return the place of an attribute that was met for the first time."""
        below = self._limited(place, "@" + name.rpartition("}")[2])
        if self._paths < _MOST_PATHS:
            place.by_attribute[name] = below
        return below

    def undefined_entities(self, count: int) -> None:
        """Count entities that nothing defines: the parser leaves them out of a text."""
        if count:
            self._limited(self.root, "&entity;").count += count

    def _limited(self, place: PosPlace, name: str) -> PosPlace:
        places = place.attributes if name.startswith("@") else place.children
        # Also a known place under another namespace counts: it is one more entry in `by_tag`.
        self._paths += 1
        return place.child(name if self._paths < _MOST_PATHS or name in places else "others")


def _with_articles(goods: Part) -> Part:
    """Return a part of goods with a field for each path of the article: see `Goods`."""
    fields = {name: paths for name, paths in goods.fields.items() if name != "sku"}
    articles = {sku_field(place): [path] for place, path in enumerate(goods.fields["sku"])}
    return Part(goods.elements, fields | articles)


def _mark_leaves(place: PosPlace) -> None:
    place.leaf = not place.attributes and not place.children and place.part is None
    if len(place.reads) == 1 and place.reads[0].alone:
        place.only, place.reads = place.reads[0].field, ()
    for below in (*place.children.values(), *place.attributes.values()):
        _mark_leaves(below)


def _grow(place: PosPlace, path: str) -> PosPlace:
    """Make the places of a path below a place and return the last one."""
    for name in filter(None, path.split("/")):
        place = place.child(name)
        place.used = True
    return place


def _grow_fields(place: PosPlace, fields: Paths) -> None:
    for field, paths in fields.items():
        for rank, path in enumerate(paths):
            _grow(place, path).reads += (Read(field, rank, alone=len(paths) == 1),)


def _grow_part(place: PosPlace, name: str, part: Part, inner: Sequence[Any]) -> None:
    for path in part.elements:
        begin = _grow(place, path)
        begin.part = name
        _grow_fields(begin, part.fields)
        for below in inner:
            _grow_part(begin, *below)
