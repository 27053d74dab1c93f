"""The errors that end a streamer; each says what you can do about it."""

from retail_anomaly.core.errors import RetailAnomalyError


class StreamerError(RetailAnomalyError):
    """The streamer can't go on; the message is one line that says what to do next.

    Examples
    --------
    >>> raise StreamerError("no Kafka answers at localhost:9092: is it running?")
    Traceback (most recent call last):
    streamer.errors.StreamerError: no Kafka answers at localhost:9092: is it running?
    """


class MissingTopicError(StreamerError):
    """A topic that a command reads or writes does not exist.

    Parameters
    ----------
    topic
        Its name in Kafka.

    Examples
    --------
    >>> raise MissingTopicError("anomaly-alerts")
    Traceback (most recent call last):
    streamer.errors.MissingTopicError: topic anomaly-alerts does not exist: create it with ...
    """

    def __init__(self, topic: str) -> None:
        super().__init__(f"topic {topic} does not exist: create it with `retail-streamer topics --create`")


class OvertakenError(StreamerError):
    """The consumer group has excluded this process: it was silent too long, and others may have its stores.

    Parameters
    ----------
    said
        The broker's answer to the commit.

    Examples
    --------
    >>> raise OvertakenError("Broker: Unknown member")
    Traceback (most recent call last):
    streamer.errors.OvertakenError: the group gave this process up (Broker: Unknown member): ...
    """

    def __init__(self, said: str) -> None:
        super().__init__(
            f"the group gave this process up ({said}): it slept, or the broker was away, for longer than "
            "session_timeout, or another process has its instance_id; start it again, it goes on from the "
            "group's last commit"
        )
