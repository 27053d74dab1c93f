"""Ask a cluster again that is new or has just lost a broker: it still elects its leaders."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

from confluent_kafka import KafkaError, KafkaException

_Answer = TypeVar("_Answer")
_POLL_SECONDS: Final = 0.1
_UNSETTLED: Final = {
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,  # its listing came from a broker that knew more
}


def when_settled(ask: Callable[[], _Answer], seconds: float) -> _Answer:
    """Return the answer of a cluster, which is asked again while it elects its leaders.

    Parameters
    ----------
    ask
        Asks the cluster.
    seconds
        How long it is asked again.

    Raises
    ------
    KafkaException
        The answer is another error, or is still that there is no leader.

    Examples
    --------
    >>> answers = iter([KafkaError.LEADER_NOT_AVAILABLE, KafkaError.NOT_COORDINATOR, 7])
    >>> def ask():
    ...     answer = next(answers)
    ...     if answer != 7:
    ...         raise KafkaException(KafkaError(answer))
    ...     return answer
    >>> when_settled(ask, seconds=1.0)
    7
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            return ask()
        except KafkaException as error:
            if error.args[0].code() not in _UNSETTLED or time.monotonic() > deadline:
                raise
        time.sleep(_POLL_SECONDS)
