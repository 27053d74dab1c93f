"""Send an incident to Kafka now: `python inject_incident.py BROKER`. Tilt has a button for it.

In a store of its own, a cashier refunds three receipts that nobody has bought, then sells an expensive
article, and the gate gives an alarm.
"""

import os
import sys
import time

from data_gen.kafka import BrokerError, connect
from data_gen.records import SimulatedRecord
from retail_anomaly.core.events import Event, GateData, PosEvent, SecurityEvent

MINUTE = 60_000


def incident(now: int) -> list[Event]:
    """Return the incident's events, in order.

    Parameters
    ----------
    now
        When it ends, in epoch milliseconds; no two incidents share it, nor so their store.
    """
    store, cashier = f"injected-{now}", "cashier-7"
    events: list[Event] = [
        PosEvent(f"refund-{n}", store, cashier, "sku-1", 150.0, "REFUND", now - (5 - n) * MINUTE)
        for n in range(3)
    ]
    events.append(PosEvent("sale-1", store, cashier, "sku-2", 900.0, "SALE", now - MINUTE))
    events.append(SecurityEvent(f"alarm-{now}", store, now, "GATE", GateData("gate-1", alarm=True)))
    return events


def main(broker: str) -> int:
    """Send it and say which store to look for."""
    now = int(time.time() * 1000)
    prefix = os.environ.get("RETAIL__STREAMER__TOPIC_PREFIX", "")
    *till, alarm = incident(now)
    try:
        # Send the alarm after the sale has arrived: sent together, they may be read in either order.
        for events in (till, [alarm]):
            writer = connect(broker, paced=True, prefix=prefix)
            for event in events:
                writer.send(SimulatedRecord.of(event))
            writer.close()
    except BrokerError as error:
        print(f"inject_incident: {error}", file=sys.stderr)  # noqa: T201
        return 1
    print(  # noqa: T201
        f"sent to store injected-{now}: a burst of refunds without sales, an alarm after a sale"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
