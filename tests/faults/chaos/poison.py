"""Records that no streamer can use: each becomes a dead letter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retail_anomaly.core.events import POS_EVENTS
from tests.kafka import Record, produce

if TYPE_CHECKING:
    from tests.faults.chaos.stage import Stage


def send(stage: Stage) -> None:
    """Send one poisoned record."""
    log = stage.log
    at, key = stage.rng.choice(log).timestamp, log[0].key
    kinds: dict[str, Record] = {
        "no JSON": Record(POS_EVENTS, b"{", key, at),
        "nothing": Record(POS_EVENTS, None, key, at),
        "780 kB": Record(POS_EVENTS, b"x" * 780_000, key, at),
        "a megabyte": Record(POS_EVENTS, b"x" * 1_000_000, key, at),
        "a long key": Record(POS_EVENTS, b"x", b"\xff" * 500_000, at),
        "large headers": Record(POS_EVENTS, b"{", key, at, headers=(("h", b"x" * 900_000),)),
        "a huge number": Record(POS_EVENTS, b'{"amount": 1%b}' % (b"0" * 400), key, at),
        "another key": Record(log[0].topic, log[0].value, b"another", at),
        "a frame": Record(POS_EVENTS, b"\x00\x00\x00\x00\x07{}", key, at),
    }
    kind = stage.rng.choice(sorted(kinds))
    stage.say(f"poison: {kind}")
    produce(stage.scene.address, [kinds[kind]], **{"message.max.bytes": 2_000_000})
    stage.poison += 1
