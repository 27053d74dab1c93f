"""The results of a commit are in Kafka before its state is: no state stands for alerts that are not there.

Quix Streams 3.28 sends results and changelog together, and Kafka may acknowledge them in any order. Without
transactions, a process that dies in between left state in the changelog whose alerts had not arrived. A start
passes over such state, because its offsets were not committed. `retail-streamer state adopt` commits the
offsets that the state stands for, so that nobody raised these alerts again.
"""

from collections.abc import Callable

from quixstreams.checkpointing.exceptions import CheckpointProducerTimeout

from streamer.quix.commit_step import CommitStep


class ResultsFirst(CommitStep):
    """Waits until Kafka has acknowledged the results, before anything of a checkpoint's state is sent.

    Parameters
    ----------
    wait
        Waits for what was produced so far; returns how many records have not arrived when its time is over.
    """

    def __init__(self, wait: Callable[[], int]) -> None:
        super().__init__()
        self._wait = wait

    def flush(self) -> None:
        """Wait for the results.

        Raises
        ------
        CheckpointProducerTimeout
            Kafka has not acknowledged them in time.
        """
        if left := self._wait():
            raise CheckpointProducerTimeout(f"Kafka has not acknowledged {left} results in time")
