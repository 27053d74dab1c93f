"""Formulas of a sheet whose values the file does not hold, as programs write them that don't compute."""

import re
import zipfile
from typing import BinaryIO, Final

# A cell with a formula, and nothing between that and its end. An empty text of Excel has the type `str`.
_NO_VALUE: Final = re.compile(
    rb"<c ((?:(?!t=\"str\")[^>])*)><f(?:\s[^>]*)?(?:/>|>[^<]*</f>)\s*(?:<v\s*/>|<v></v>)?\s*</c>"
)
_PLACE: Final = re.compile(rb"\br=\"([A-Z]+[0-9]+)\"")
_PART: Final = 1024 * 1024
_LONGEST_CELL: Final = 16_384


def formulas_without_values(content: BinaryIO, sheet: str) -> tuple[int, str]:
    """Return how many cells hold a formula without its value, and the place of the first.

    Parameters
    ----------
    content
        The Excel file.
    sheet
        The path of the sheet in it.

    Raises
    ------
    zipfile.BadZipFile
        The file is damaged.
    KeyError
        There is no such sheet.
    """
    count, first, rest = 0, "", b""
    with zipfile.ZipFile(content) as archive, archive.open(sheet.lstrip("/")) as cells:
        while part := cells.read(_PART):
            text = rest + part
            end = 0
            for found in _NO_VALUE.finditer(text):
                count += 1
                place = _PLACE.search(found[1])
                first = first or (place[1].decode() if place else "")
                end = found.end()
            rest = text[max(end, len(text) - _LONGEST_CELL) :]
    return count, first
