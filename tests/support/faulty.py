"""The streamer's command with a fault inside: `python -m tests.support.faulty`, options as usual.

Points are exact where a signal from outside can only be near. The environment says which:

- ``FAULT=kill:processed:1200``: SIGKILL to itself once 1,200 records are processed.
- ``FAULT=hold:delivered:3``: in its third commit, after alerts and state changes have been acknowledged and
  before the offsets are committed, make the file ``FAULT_GATE/held`` and wait for ``FAULT_GATE/go``.
- ``FAULT=...:committed:3``: in its third commit, once offsets are committed and local state is not written.
- ``FAULT_PACE=300``: process that many records a second, until ``FAULT_GATE/go`` is there.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from quixstreams.internal_consumer import InternalConsumer
from quixstreams.internal_producer import InternalProducer

from streamer.cli import main
from streamer.tally import Tally

_action, _, _point = os.environ.get("FAULT", "::").partition(":")
_stage, _, _count = _point.partition(":")
_pace = int(os.environ.get("FAULT_PACE", "0"))
_gate = Path(os.environ.get("FAULT_GATE", "nowhere"))
_seen: Counter[str] = Counter()
_begin = 0.0


def _reached(stage: str) -> None:
    _seen[stage] += 1
    if stage == _stage and _seen[stage] == int(_count):
        if _action == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        (_gate / "held").touch()
        while not (_gate / "go").exists():
            time.sleep(0.01)


def _keep_pace() -> None:
    global _begin, _pace  # noqa: PLW0603
    _begin = _begin or time.monotonic()
    count = _seen["processed"]
    if _pace and count % 20 == 0:
        time.sleep(max(0.0, _begin + count / _pace - time.monotonic()))
        if (_gate / "go").exists():
            _pace = 0


def _around(commit: Callable[..., Any]) -> Callable[..., Any]:
    def observed(*arguments: Any, **options: Any) -> Any:
        _reached("delivered")
        result = commit(*arguments, **options)
        _reached("committed")
        return result

    return observed


_message = Tally.message


def _observed_message(self: Tally, topic: str, partition: int, offset: int) -> None:
    _message(self, topic, partition, offset)
    _reached("processed")
    _keep_pace()


Tally.message = _observed_message  # type: ignore[method-assign,assignment]
# At-least-once ends a checkpoint with the one, exactly-once with the other.
InternalConsumer.commit = _around(InternalConsumer.commit)  # type: ignore[method-assign]
InternalProducer.commit_transaction = _around(InternalProducer.commit_transaction)  # type: ignore[method-assign]

if __name__ == "__main__":
    sys.exit(main(["run", *sys.argv[1:]]))
