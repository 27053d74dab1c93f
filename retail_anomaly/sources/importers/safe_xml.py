"""XML from strangers: nothing is fetched, no entity is expanded."""

from collections.abc import Iterator, Mapping
from typing import IO, Any, Final, Protocol, TypeAlias

from lxml import etree

from retail_anomaly.sources.importers.export_files import ExportError

# The defaults of lxml allow entities that the file itself defines. Without `huge_tree`, libxml2 limits the
# depth, the length of a text and the growth by entities in attributes.
_OPTIONS: Final[dict[str, Any]] = {
    "resolve_entities": False,
    "load_dtd": False,
    "no_network": True,
    "huge_tree": False,
}
_PIECE: Final = 1 << 16  # bytes
Malformed: TypeAlias = etree.XMLSyntaxError


def read_xml(file: IO[bytes], name: str) -> Any:
    """Return the root element of a small XML file.

    Raises
    ------
    ExportError
        It is malformed, or defines entities.

    Examples
    --------
    >>> import io
    >>> read_xml(io.BytesIO(b"<a><b>1</b></a>"), "index.xml").findtext("b")
    '1'
    >>> read_xml(io.BytesIO(b'<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>'), "index.xml")
    Traceback (most recent call last):
    retail_anomaly.sources.importers.export_files.ExportError: index.xml: it defines entities: refused
    """
    try:
        tree = etree.parse(file, etree.XMLParser(remove_comments=True, remove_pis=True, **_OPTIONS))
    except etree.XMLSyntaxError as error:
        raise ExportError(f"{name}: expected XML: {told(error)}") from None
    except OSError as error:
        if error.errno is not None:  # the file, and not its bytes
            raise
        detail = str(error).rpartition(": ")[2]
        raise ExportError(f"{name}: expected XML: {detail}") from None
    _refuse_entities(tree, name)
    return tree.getroot()


def told(error: Malformed) -> str:
    """Return in one line where and why XML is malformed.

    Examples
    --------
    >>> try:
    ...     etree.fromstring("<a>&;</a>")
    ... except Malformed as error:
    ...     print(told(error))
    xmlParseEntityRef: no name, line 1, column 5
    """
    return " ".join(error.msg.split()).replace(" ,", ",")


class ElementTarget(Protocol):
    """Told of the elements of a file in their order."""

    def start(self, tag: str, attributes: Mapping[str, str], /) -> None:
        """Be told of an element's begin; names have their namespace as in ``{urn:x}name``."""

    def data(self, text: str, /) -> None:
        """Be told of a piece of text."""

    def end(self, tag: str, /) -> None:
        """Be told of an element's end."""

    def close(self) -> None:
        """Be told of the end of the file."""


def parse(file: IO[bytes], name: str, target: ElementTarget) -> Iterator[int]:
    """Tell a target of the elements of a file of any size, a piece at a time.

    Parameters
    ----------
    file, name
        The file, from its begin, and its name in errors.
    target
        Told of the elements; what it raises is raised here.

    Yields
    ------
    int
        After each piece: how many entities, which nothing defines, were left out in it.

    Raises
    ------
    ExportError
        The file defines entities.
    Malformed
        It is malformed or cut off; the target has been told of the elements before that place.
    """
    # Entities are defined before the first element.
    for _, root in etree.iterparse(file, events=("start",), **_OPTIONS):
        _refuse_entities(root.getroottree(), name)
        break
    file.seek(0)
    parser = etree.XMLParser(target=target, remove_comments=True, remove_pis=True, **_OPTIONS)
    told = 0
    while piece := file.read(_PIECE):
        parser.feed(piece)
        warnings = len(parser.feed_error_log)
        yield warnings - told
        told = warnings
    parser.close()


def local_name(element: Any) -> str:
    """Return an element's name without its namespace.

    Examples
    --------
    >>> local_name(etree.fromstring('<a xmlns="urn:x"/>'))
    'a'
    """
    return str(etree.QName(element).localname)


def _refuse_entities(tree: Any, name: str) -> None:
    subset = tree.docinfo.internalDTD
    if subset is not None and any(True for _ in subset.iterentities()):
        raise ExportError(f"{name}: it defines entities: refused")
