"""The progress bar of a replay, on standard error."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from retail_anomaly.events import Event
from retail_anomaly.sources import Input

_EVERY: Final = 4_096

Update = Callable[[int, float | None], None]


def tracked(source: Input, events: Iterator[Event], shown: bool | None) -> Iterator[Event]:
    """Return the events, followed by a progress bar if it is to be shown.

    Parameters
    ----------
    source
        Knows how much of it has been read.
    events
        Its events.
    shown
        Whether to show the bar; None: when standard error is a terminal.

    Returns
    -------
    Iterator of Event
        The same events.
    """
    return _tracked(source, events) if is_shown(shown) else events


def is_shown(shown: bool | None) -> bool:
    """Tell whether to show a bar; None: when standard error is a terminal."""
    return sys.stderr.isatty() if shown is None else shown


@contextmanager
def progress_bar() -> Iterator[Update]:
    """Show a bar; what it gives is to be called with the number of events and the share done."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=None)

        def update(events: int, done: float | None) -> None:
            total = None if done is None else 1.0
            bar.update(task, description=f"{events:,} events", total=total, completed=done)

        yield update


def _tracked(source: Input, events: Iterator[Event]) -> Iterator[Event]:
    with progress_bar() as update:
        for number, event in enumerate(events):
            if number % _EVERY == 0:
                update(number, source.done())
            yield event
