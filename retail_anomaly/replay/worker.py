"""A process that replays its share of the stores; `retail_anomaly.replay.jobs` starts it.

What it is to do comes on standard input, what it finds goes to standard output, both pickled: only
parts of one program talk here.
"""

import os
import pickle
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from typing import Any, Final

import msgspec

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.events import Event
from retail_anomaly.models.river_choice import ModelError
from retail_anomaly.replay.passes import Order, Replay
from retail_anomaly.settings import Settings, SettingsError, build_engine
from retail_anomaly.sources import FIRST, Place, Share, SourceError, open_input
from retail_anomaly.sources.columns import Columns
from retail_anomaly.sources.event_log import BadLine

_EVERY: Final = 4_096
_MOST_FOUND: Final = 1_000


class Task(msgspec.Struct, frozen=True):
    """What a worker is to do: the arguments of a replay, and its share of the stores."""

    where: Any
    topic: str | None
    columns: Columns
    settings: Settings
    detectors: Sequence[str] | None
    share: Share


class Part(msgspec.Struct):
    """What a worker has found since the last part.

    Parameters
    ----------
    until
        Everything before this place is told.
    found
        Alerts and bad lines with their order.
    events
        How many events it has processed.
    done
        How much of the input it has read, 0 to 1.
    """

    until: Place
    found: list[tuple[Order, Alert | BadLine]]
    events: int
    done: float | None


class End(msgspec.Struct):
    """A worker's counts at its end."""

    events: Counter[str]
    held: int
    stores: int


class Failure(msgspec.Struct):
    """Why a worker ended before the input did."""

    reason: str


def work() -> None:
    """Do what standard input says, until it is done or the other side has gone."""
    send = Connection(os.dup(1), readable=False).send
    os.dup2(2, 1)  # whatever prints, prints elsewhere
    try:
        task = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the process that has started this one
    except (EOFError, pickle.UnpicklingError):
        os._exit(1)  # the other side was ended before it had said what to do
    try:
        send(_replay(task, send))
    except BrokenPipeError:
        os._exit(1)  # nobody is there to be told; no flush may try it again
    except (SourceError, SettingsError, ModelError) as error:
        send(Failure(str(error)))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        send(Failure(f"{where}{error.strerror or error}"))


def _replay(task: Task, send: Callable[[Part], None]) -> End:
    run = Replay(build_engine(task.settings, task.detectors))
    source = open_input(task.where, task.topic, task.columns)
    part = Part(FIRST, [], 0, 0.0)

    def tell() -> None:
        part.done = source.done()
        send(part)
        part.found.clear()

    def reject(place: Place, bad: BadLine) -> None:
        part.until = max(part.until, place)
        part.found.append(((place, 2, bad.number, bad.place), bad))
        if len(part.found) >= _MOST_FOUND:
            tell()

    def events() -> Iterator[tuple[Place, Event]]:
        for number, (place, event) in enumerate(source.placed(reject, task.share), 1):
            yield place, event
            # All that this event raises has been taken, or the next would not be asked for.
            part.until, part.events = place, number
            if number % _EVERY == 0:
                tell()

    for order, alert in run.placed_alerts(events(), task.share.owns):
        part.found.append((order, alert))
    tell()
    return End(run.events, run.held, run.store_count)
