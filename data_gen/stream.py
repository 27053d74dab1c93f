"""Send a simulation to Kafka at the pace that was asked for."""

import threading
from collections.abc import Callable
from time import monotonic
from typing import IO, Final

from data_gen.kafka import KafkaWriter
from data_gen.simulate import Simulation
from data_gen.writers import drain
from retail_anomaly.cli.ending import handled

# Longest wait without a look at Ctrl-C.
_STOP_SECONDS: Final = 0.2
# After Ctrl-C: how long the records under way may take.
_LAST_SECONDS: Final = 2.0


def send_paced(
    simulation: Simulation,
    writer: KafkaWriter,
    wait: Callable[[int], float],
    truth: IO[bytes] | None,
    sent_until: int | None = None,
) -> None:
    """Send every record, and write each incident to `truth` before the first record of it is sent.

    After Ctrl-C or SIGTERM the records under way are still delivered and counted.

    Parameters
    ----------
    simulation, writer
        Where the records come from and go to.
    wait
        Seconds until a record of this time of arrival (epoch ms) is due.
    truth
        A file for the incidents.
    sent_until
        Records that arrive up to this time (epoch ms) are in the topics already, and left out.

    Raises
    ------
    KeyboardInterrupt
        You pressed Ctrl-C, or SIGTERM came; the writer is closed.
    BrokerError
        The broker did not accept a record.
    """
    # A signal sets a flag. An exception inside a delivery report would lose the report.
    stopped = threading.Event()
    with handled(lambda *_: stopped.set(), "SIGINT", "SIGTERM"):
        for record in simulation.records():
            _write_truth(simulation, truth)
            if sent_until is not None and record.arrival <= sent_until and not stopped.is_set():
                continue
            until = monotonic() + wait(record.arrival)
            while (left := until - monotonic()) > 0 and not stopped.is_set():
                writer.serve(min(left, _STOP_SECONDS))
            if stopped.is_set():
                break
            writer.send(record)
        if stopped.is_set():
            writer.close(_LAST_SECONDS)
        else:
            writer.close()
        _write_truth(simulation, truth)
    if stopped.is_set():
        raise KeyboardInterrupt


def _write_truth(simulation: Simulation, truth: IO[bytes] | None) -> None:
    if truth is not None:
        drain(simulation.incidents, truth)
    simulation.incidents.clear()
    simulation.faults_made.clear()
