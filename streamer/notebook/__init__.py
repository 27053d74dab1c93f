"""A running streamer in a notebook: broker, streamer, feeds of its alerts, and a board of figures.

Each name is loaded when it is first used: the board needs the notebook extra, the streamer Quix Streams.

>>> from streamer.notebook import Connection, EmbeddedBroker
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from retail_anomaly.core.extras import extra_imports

if TYPE_CHECKING:
    from streamer.kafka.connection import Connection
    from streamer.kafka.embedded_broker import EmbeddedBroker
    from streamer.notebook.board import Board
    from streamer.notebook.feed import InfluxFeed, KafkaFeed
    from streamer.notebook.running import RunningStreamer

__all__ = [
    "Board",
    "Connection",
    "EmbeddedBroker",
    "InfluxFeed",
    "KafkaFeed",
    "RunningStreamer",
]

_MODULES: Final = {
    "Board": "streamer.notebook.board",
    "Connection": "streamer.kafka.connection",
    "EmbeddedBroker": "streamer.kafka.embedded_broker",
    "InfluxFeed": "streamer.notebook.feed",
    "KafkaFeed": "streamer.notebook.feed",
    "RunningStreamer": "streamer.notebook.running",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with extra_imports():
        return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
