"""A progress bar on standard error, or in the output of a notebook's cell."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from typing import Any, Final, TypeAlias
from uuid import uuid4

from retail_anomaly.core.events import Event
from retail_anomaly.sources import Input

_EVERY: Final = 4_096
_SECONDS: Final = 0.2  # between two pictures in a notebook, each of which is a message to the browser

Update: TypeAlias = Callable[[str, float | None], None]
"""Called with the progress in words, and as a share from 0 to 1 if it is known."""


def tracked(source: Input, events: Iterator[Event], shown: bool | None) -> Iterator[Event]:
    """Return the events, followed by a progress bar if it is to be shown.

    Parameters
    ----------
    source
        Knows how much of it has been read.
    events
        Its events.
    shown
        Whether to show the bar; None: on a terminal and in a notebook.

    Returns
    -------
    Iterator of Event
        The same events.
    """
    return _tracked(source, events) if is_shown(shown) else events


def is_shown(shown: bool | None) -> bool:
    """Tell whether to show a bar; None: on a terminal and in a notebook."""
    return sys.stderr.isatty() or _notebook() is not None if shown is None else shown


@contextmanager
def progress_bar(words: str) -> Iterator[Update]:
    """Show a bar for the length of the block.

    On a terminal the bar disappears at the end. In a notebook the last words stay below the cell.

    Parameters
    ----------
    words
        The words to begin with.

    Yields
    ------
    Callable
        Shows how far it is, see `Update`.
    """
    publisher = _notebook()
    if publisher is not None:
        with _in_notebook(publisher, words) as update:
            yield update
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(words, total=None)

        def on_terminal(words: str, done: float | None) -> None:
            bar.update(task, description=words, total=None if done is None else 1.0, completed=done)

        yield on_terminal


def _tracked(source: Input, events: Iterator[Event]) -> Iterator[Event]:
    with progress_bar("reading") as update:
        number = 0
        for number, event in enumerate(events, 1):
            if number % _EVERY == 1:
                update(f"{number - 1:,} events", source.done())
            yield event
        update(f"{number:,} events", 1.0)


def _notebook() -> Any:
    """Return the publisher of output below a notebook's cell, or None outside a notebook."""
    # Not imported: a notebook has loaded it.
    ipython = sys.modules.get("IPython")
    shell: Any = ipython.get_ipython() if ipython is not None else None
    return shell.display_pub if hasattr(shell, "kernel") else None


@contextmanager
def _in_notebook(publisher: Any, words: str) -> Iterator[Update]:
    place = {"display_id": uuid4().hex}
    last: tuple[str, float | None] = words, None
    shown_at = time.monotonic()

    def show(*, update: bool, ended: bool = False) -> None:
        words, done = last
        html = f"<code>{escape(words)}</code>"
        if not ended:
            html += f" <progress{'' if done is None else f' value={done:.3f}'}></progress>"
        publisher.publish(data={"text/plain": words, "text/html": html}, transient=place, update=update)

    def on_page(words: str, done: float | None) -> None:
        nonlocal last, shown_at
        last = words, done
        if time.monotonic() >= shown_at + _SECONDS:
            shown_at = time.monotonic()
            show(update=True)

    show(update=False)
    try:
        yield on_page
    finally:
        show(update=True, ended=True)
