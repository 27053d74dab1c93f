"""Refunds across the stores of a chain, and processes `returns` of one group that follow them."""

from __future__ import annotations

import shutil
from collections import Counter, defaultdict
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.codec import encode
from retail_anomaly.core.events import ALERTS, POS_EVENTS, PosEvent
from retail_anomaly.settings import load
from streamer.detection.returns_app import returns_process
from streamer.kafka.connection import Connection
from streamer.kafka.offsets import GroupOffsets
from streamer.kafka.topic_plan import RETURNS
from streamer.process import ensure_process_topics
from tests.kafka import Record, consume, fresh_name, produce
from tests.support.events import DAY, HOUR, refund, sale
from tests.support.faults import PARTITIONS, wait_for
from tests.support.processes import StreamerProcess
from tests.support.waiting import PATIENCE_S

STORES = [f"store-{number}" for number in range(9)]
PRICE = 30.0


def sold_and_returned(receipts: int, rng: Random) -> tuple[list[PosEvent], dict[str, float]]:
    """Sell receipts and refund pieces of them in stores of the chain; return the loss by receipt too.

    Of every second receipt one piece may come back in its own store, of the others none.
    """
    lines, losses = [], {}
    for number in range(receipts):
        home, pieces, sold = rng.choice(STORES), rng.randint(1, 3), rng.randrange(30 * DAY)
        receipt = f"{home}/{number}"
        goods: dict[str, Any] = {"sku": "k", "event_id": receipt}
        lines.append(
            sale(
                sold,
                **goods,
                store_id=home,
                transaction_id=receipt,
                quantity=pieces,
                amount=PRICE * pieces,
            )
        )
        others = [store for store in STORES if store != home]
        refunds = rng.randint(0, pieces + 2)
        losses[receipt] = PRICE * max(0, refunds - pieces)
        for place in range(refunds):
            store = home if place == 1 and number % 2 else rng.choice(others)
            elsewhere = {} if store == home else {"original_store_id": home}
            own = f"{receipt}/{place}"
            back = {"transaction_id": own, "event_id": own, "original_transaction_id": receipt}
            at = sold + HOUR + rng.randrange(40 * DAY)
            lines.append(refund(at, sku="k", quantity=1, amount=PRICE, store_id=store, **back, **elsewhere))
    return sorted(lines, key=lambda line: line.event_time), losses


class Chain:
    """The topics of a chain, and processes of one group that follow its returns.

    Parameters
    ----------
    address
        The broker. The topics have a prefix of their own.
    folder
        Where the processes keep state and logs.
    guarantee
        The option of each process.
    way
        The processes' way to the broker, if it is another one.
    """

    def __init__(self, address: str, folder: Path, guarantee: str, way: Connection | None = None) -> None:
        self.address, self.connection, self.group = address, Connection(address), fresh_name("group")
        self._way = way or self.connection
        self._prefix, self._folder, self._guarantee = f"{self.group}.", folder, guarantee
        (folder / "gate").mkdir()
        flags = {"topic_prefix": self._prefix, "topics.partitions": PARTITIONS}
        settings = load(environ={}, flags={f"streamer.{key}": value for key, value in flags.items()})
        ensure_process_topics(returns_process(settings.settings), self.connection, create=True)

    def send(self, lines: list[PosEvent]) -> None:
        """Send the events of the tills."""
        produce(
            self.address,
            [
                Record(self._prefix + POS_EVENTS, encode(line), line.store_id.encode(), line.event_time)
                for line in lines
            ],
        )

    def start(
        self, name: str = "a", *, fault: str = "", pace: int | str = 0, **variables: str
    ) -> StreamerProcess:
        """Start a process; those of one name find each other's state."""
        folder = self._folder / name
        folder.mkdir(exist_ok=True)
        return StreamerProcess(
            *(self._way, self.group, folder, self._guarantee),
            module="tests.support.faulty",
            environment={
                "FAULT_COMMAND": "returns",
                "FAULT": fault,
                "FAULT_PACE": str(pace),
                "FAULT_COMMIT_EVERY": "15",
                "FAULT_GATE": str(self._folder / "gate"),
                "RETAIL__STREAMER__TOPIC_PREFIX": self._prefix,
                **variables,
            },
        )

    def lose_state(self, name: str) -> None:
        """Delete the local state of a process that has ended."""
        shutil.rmtree(self._folder / name / "state", ignore_errors=True)

    def finish(self, *processes: StreamerProcess) -> None:
        """Let all be processed at full speed."""
        self.hurry()
        with GroupOffsets(self.connection.properties(), f"{self.group}-returns", self.reads) as offsets:
            for _ in range(2):  # the events that were processed last may have sent returns after the look
                wait_for(lambda: not any(offsets.lag(settled=False).values()), f"all\n{processes[-1].tail()}")
        assert [process.stop() for process in processes] == [0] * len(processes)

    def hurry(self) -> None:
        """Let what is left be processed at full speed."""
        (self._folder / "gate" / "full-speed").touch()

    @property
    def reads(self) -> list[str]:
        """The topics that the processes read."""
        return [self._prefix + name for name in (POS_EVENTS, RETURNS)]

    def compare(self, losses: dict[str, float]) -> str:
        """Compare the losses that the alerts tell with those of the receipts; say how many came again."""
        least = round(sum(losses.values()) / PRICE)
        records = consume(self.address, self._prefix + ALERTS, at_least=least, timeout=PATIENCE_S)
        found = [msgspec.json.decode(record.value or b"", type=Alert) for record in records]
        once = {(alert.alert_id, alert.revision): alert for alert in found}
        for alert in found:
            assert alert.evidence == once[alert.alert_id, alert.revision].evidence
        told: defaultdict[str, float] = defaultdict(float)
        for alert in once.values():
            told[alert.evidence["originalTransactionId"]] += alert.evidence["loss"]
        returned = Counter(record.value for record in consume(self.address, self._prefix + RETURNS))
        copies = sum(returned.values()) - len(returned)
        if self._guarantee == "--exactly-once":
            assert (copies, len(found)) == (0, len(once))
            assert told == {receipt: loss for receipt, loss in losses.items() if loss}
        # A refund in the receipt's own store may be processed before a return of an earlier time has come,
        # and after it when the process does it again: an alert about either is right, and both may be there.
        for number, (receipt, loss) in enumerate(losses.items()):
            assert told[receipt] == loss or (number % 2 and told[receipt] > loss), receipt
        return f"{copies} returns sent again, {len(found)} alerts"
