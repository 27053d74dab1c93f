"""XML from strangers: nothing is fetched, no entity is expanded."""

from collections.abc import Iterator
from typing import IO, Any, Final

from lxml import etree

from retail_anomaly.importers.export_files import ExportError

# The defaults of lxml allow entities that the file itself defines. Without `huge_tree`, libxml2 limits the
# depth, the length of a text and the growth by entities in attributes.
_OPTIONS: Final[dict[str, Any]] = {
    "resolve_entities": False,
    "load_dtd": False,
    "no_network": True,
    "huge_tree": False,
}
XML_ERRORS: Final = (etree.XMLSyntaxError,)


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
    retail_anomaly.importers.export_files.ExportError: index.xml: it defines entities: refused
    """
    try:
        tree = etree.parse(file, etree.XMLParser(remove_comments=True, remove_pis=True, **_OPTIONS))
    except etree.XMLSyntaxError as error:
        raise ExportError(f"{name}: expected XML: {error.msg}") from None
    _refuse_entities(tree, name)
    return tree.getroot()


def elements(file: IO[bytes], name: str) -> Iterator[tuple[str, Any]]:
    """Yield the start and the end of each element of an XML file of any size.

    The caller clears elements that it has read. A malformed end raises `XML_ERRORS` after the elements that
    stand before it.

    Raises
    ------
    ExportError
        The file defines entities.
    """
    walk = etree.iterparse(file, events=("start", "end"), remove_comments=True, remove_pis=True, **_OPTIONS)
    checked = False
    for event, element in walk:
        if not checked:
            _refuse_entities(element.getroottree(), name)
            checked = True
        yield event, element


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
