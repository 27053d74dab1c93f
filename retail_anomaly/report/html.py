"""The parts of a page that opens offline and needs nothing beside itself."""

from collections.abc import Iterable, Mapping
from html import escape, unescape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Final

import pandas as pd
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from retail_anomaly.whole_file import write_whole

_SHORT: Final = 24  # characters that stay on one line of a table
_TOOLS: Final = {
    "responsive": True,
    "displaylogo": False,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
}


def write_page(
    path: Path | str,
    *,
    title: str,
    summary: str,
    facts: Mapping[str, str],
    sections: Iterable[str],
    footer: str,
) -> Path:
    """Write a page and return its path.

    Parameters
    ----------
    path
        The page to write; a file of that name is replaced when the page is complete.
    title, summary, footer
        Plain text.
    facts
        Name and value of each figure at the top, plain text.
    sections
        HTML, as `section` and `figure` return it.
    """
    page = Template(files("retail_anomaly.report").joinpath("report.html").read_text("utf-8"))
    text = page.substitute(
        title=escape(title),
        plotly=get_plotlyjs(),
        summary=escape(summary),
        tiles=_tiles(facts),
        sections="\n".join(sections),
        footer=escape(footer),
    )
    write_whole(path, text)
    return Path(path)


def _tiles(facts: Mapping[str, str]) -> str:
    items = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in facts.items()
    )
    return f'<dl class="tiles">{items}</dl>'


def table(
    head: Iterable[str], rows: Iterable[Iterable[object]], numbers: Iterable[int] = (), *, caption: str
) -> str:
    """Return a table; the columns at the places in `numbers` are aligned right.

    Examples
    --------
    >>> made = table(["Store", "Alerts"], [["a", 3]], numbers=[1], caption="Alerts by store")
    >>> "<caption>Alerts by store</caption>" in made, "<td class='number'>3</td>" in made
    (True, True)
    """
    right = set(numbers)

    def row(tag: str, cells: Iterable[object]) -> str:
        filled = "".join(_cell(tag, str(cell), index in right) for index, cell in enumerate(cells))
        return f"<tr>{filled}</tr>"

    heads, body = row("th", head), "".join(row("td", cells) for cells in rows)
    name = escape(caption)
    # A reader without a mouse must be able to scroll to the columns that a narrow window hides.
    return (
        f'<div class="scroll" role="region" aria-label="{name}" tabindex="0"><table><caption>{name}</caption>'
        f"<thead>{heads}</thead><tbody>{body}</tbody></table></div>"
    )


def frame_table(rows: pd.DataFrame, *, caption: str) -> str:
    """Return a frame of texts as a table; the columns after the first are aligned right.

    Examples
    --------
    >>> "<caption>By store</caption>" in frame_table(pd.DataFrame({"Store": ["a"]}), caption="By store")
    True
    """
    return table(rows.columns, rows.itertuples(index=False), range(1, rows.shape[1]), caption=caption)


def _cell(tag: str, text: str, is_number: bool) -> str:
    # Keep short texts on one line, so that an id does not break at its hyphens.
    kind = "number" if is_number else "short" if len(text) <= _SHORT else "text"
    scope = " scope='col'" if tag == "th" else ""
    return f"<{tag}{scope} class='{kind}'>{escape(text)}</{tag}>"


def figure(drawing: go.Figure) -> str:
    """Return a Plotly figure as HTML, named by its title for those who don't see it.

    Examples
    --------
    >>> figure(go.Figure(layout_title_text="Two alerts"))[:58]
    '<figure role="group" aria-label="Two alerts" tabindex="0">'
    """
    drawn = drawing.to_html(full_html=False, include_plotlyjs=False, config=_TOOLS, default_width="100%")
    # A Plotly title is HTML, and its outside text is already escaped.
    name = escape(unescape(drawing.layout.title.text or "Figure"))
    return f'<figure role="group" aria-label="{name}" tabindex="0">{drawn}</figure>'


def section(heading: str, content: str, kind: str = "") -> str:
    """Return a section with a heading; `content` is HTML.

    Examples
    --------
    >>> section("A & B", "<p>...</p>")
    '<section class=""><h2>A &amp; B</h2><p>...</p></section>'
    """
    return f'<section class="{kind}"><h2>{escape(heading)}</h2>{content}</section>'
