"""XML from strangers: nothing is fetched, no entity is expanded."""

from collections.abc import Iterator
from typing import IO, Any, Final, TypeAlias

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
        raise ExportError(f"{name}: expected XML: {error.msg}") from None
    _refuse_entities(tree, name)
    return tree.getroot()


def elements(file: IO[bytes], name: str, tag: str) -> Iterator[Any]:
    """Yield each element of a name; each is gone when the next one is asked for, so a file may have any size.

    Parameters
    ----------
    file, name
        The file, and its name in errors.
    tag
        The elements' name without a namespace.

    Raises
    ------
    ExportError
        The file defines entities.
    lxml.etree.XMLSyntaxError
        It is malformed or cut off; the elements before that place have been yielded.
    """
    walk = etree.iterparse(
        file, events=("end",), tag=f"{{*}}{tag}", remove_comments=True, remove_pis=True, **_OPTIONS
    )
    checked = False
    for _, element in walk:
        if not checked:
            _refuse_entities(element.getroottree(), name)
            checked = True
        yield element
        # Or the elements would stay in memory as children of the root.
        element.clear()
        parent = element.getparent()
        while parent is not None and element.getprevious() is not None:
            del parent[0]
    if walk.root is not None:
        _refuse_entities(walk.root.getroottree(), name)


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
