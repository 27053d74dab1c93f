"""HTML for notebooks; all text is escaped."""

from collections.abc import Iterable, Sequence
from html import escape


def html_table(rows: Iterable[Sequence[str]], head: Sequence[str] = ()) -> str:
    """Return a table; the first cell of each row is its heading.

    Parameters
    ----------
    rows
        The cells of each row, as plain text.
    head
        The names of the columns; without them the table has no head.

    Examples
    --------
    >>> html_table([("Store", "<b>")])
    '<table><tbody><tr><th>Store</th><td>&lt;b&gt;</td></tr></tbody></table>'
    """
    lines = [
        f"<tr><th>{escape(first)}</th>{''.join(f'<td>{escape(cell)}</td>' for cell in rest)}</tr>"
        for first, *rest in rows
    ]
    names = "".join(f"<th>{escape(name)}</th>" for name in head)
    top = f"<thead><tr>{names}</tr></thead>" if head else ""
    return f"<table>{top}<tbody>{''.join(lines)}</tbody></table>"


def html_paragraph(text: str) -> str:
    """Return plain text as a paragraph.

    Examples
    --------
    >>> html_paragraph("1 < 2")
    '<p>1 &lt; 2</p>'
    """
    return f"<p>{escape(text)}</p>"
