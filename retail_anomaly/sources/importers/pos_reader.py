"""Reads POSLog as a stream: the parser tells of one element after the other, and no tree is made."""

from collections.abc import Iterator, Mapping
from typing import IO, Final

from retail_anomaly.sources.importers.pos_elements import PosPlace, PosRecord, TransactionPaths
from retail_anomaly.sources.importers.safe_xml import Malformed, parse

# Longer than any text of an event; the rest of a longer one is passed over.
_LONGEST: Final = 10_000
# As libxml2 limits a tree.
_DEEPEST: Final = 256


def transactions(file: IO[bytes], name: str, paths: TransactionPaths) -> Iterator[PosRecord]:
    """Yield the transactions of a file of any size, each as soon as it is read.

    Parameters
    ----------
    file, name
        The file, and its name in errors.
    paths
        The places that are read; they count how often each was met.

    Raises
    ------
    ExportError
        The file defines entities.
    Malformed
        It is malformed or cut off; the transactions before that place have been yielded.

    Examples
    --------
    >>> import io
    >>> from retail_anomaly.sources.importers.dialect import read_dialect
    >>> paths = TransactionPaths(read_dialect("poslog-2"))
    >>> log = b"<Log><Transaction><WorkstationID>3</WorkstationID><Till>7</Till></Transaction></Log>"
    >>> [record.texts for record in transactions(io.BytesIO(log), "till.xml", paths)]
    [{'register': '3'}]
    >>> paths.unused()
    Counter({'Transaction/Till': 1})
    """
    reader = _ElementReader(paths)
    try:
        for undefined in parse(file, name, reader):
            paths.undefined_entities(undefined)
            yield from reader.taken()
    except Malformed:
        yield from reader.taken()
        raise


class _ElementReader:
    """Told by the parser of each element's begin, texts and end.

    It is called millions of times: hence its attributes instead of smaller objects, and few calls.
    """

    __slots__ = (
        "_begins", "_depth", "_found", "_paths", "_place", "_record", "_records", "_skipped", "_text",
    )  # fmt: skip

    def __init__(self, paths: TransactionPaths) -> None:
        self._paths = paths
        self._place = paths.outside
        self._depth = 0  # of elements above a transaction
        # Elements that are open inside of one from which nothing is read, and that one.
        self._skipped = 0
        # Whether the newest tag began an element: its text is then what stands before its first child.
        self._begins = False
        self._text = ""
        self._record = PosRecord()
        self._records: list[PosRecord] = []
        self._found: list[PosRecord] = []

    def taken(self) -> list[PosRecord]:
        """Return the transactions that ended since the last call."""
        found, self._found = self._found, []
        return found

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if self._skipped:
            self._skipped += 1
            _refuse_deep(self._skipped)
            return
        place = self._place
        if self._begins and (place.only or place.reads):
            self._keep(place, self._text)
        below = place.by_tag.get(tag)
        if below is None:
            below = self._paths.met(place, tag)
            if below is place:
                self._depth += 1
                _refuse_deep(self._depth)
        below.count += 1
        if not below.used:
            self._skipped = 1
            self._begins = False
            return
        self._place = below
        self._text = ""
        self._begins = True
        if below.leaf:
            return
        if below.part is not None:
            self._begin(below.part)
        if not attributes:  # the parser's empty mapping is slow to walk
            return
        for name, text in attributes.items():
            at = below.by_attribute.get(name) or self._paths.met_attribute(below, name)
            at.count += 1
            if at.only or at.reads:
                self._keep(at, text)

    def data(self, text: str) -> None:
        if self._begins and len(self._text) < _LONGEST:
            self._text += text

    def end(self, tag: str) -> None:
        if self._skipped:
            self._skipped -= 1
            return
        place = self._place
        if self._begins:
            if place.only or place.reads:
                self._keep(place, self._text)
            self._begins = False
        if place.part is not None:
            if len(self._records) == 1:
                self._found.append(self._record)
            self._record = self._records.pop()
        above = self._place = place.above
        if above is place:
            self._depth -= 1

    def close(self) -> None:
        """Be told of the end of the file."""

    def _keep(self, place: PosPlace, text: str) -> None:
        text = text.strip()
        if place.only is None:
            self._record.keep(place.reads, text)
        elif text:
            self._record.texts.setdefault(place.only, text)

    def _begin(self, part: str) -> None:
        inner = PosRecord()
        if self._records:
            self._record.parts.setdefault(part, []).append(inner)
        self._records.append(self._record)
        self._record = inner


def _refuse_deep(depth: int) -> None:
    if depth > _DEEPEST:
        raise Malformed(f"elements in elements, more than {_DEEPEST} deep", None, 0, 0)
