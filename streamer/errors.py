"""What an operator can repair."""


class StreamerError(Exception):
    """The streamer can't go on; the message is one line that says what to do next.

    Examples
    --------
    >>> raise StreamerError("no Kafka answers at localhost:9092: is it running?")
    Traceback (most recent call last):
    streamer.errors.StreamerError: no Kafka answers at localhost:9092: is it running?
    """


class OvertakenError(StreamerError):
    """The process was away for too long, and others of its group went on without it.

    Parameters
    ----------
    said
        What the broker said to its commit.

    Examples
    --------
    >>> str(OvertakenError("Broker: Unknown member"))[:63]
    'the group went on without this process (Broker: Unknown member)'
    """

    def __init__(self, said: str) -> None:
        super().__init__(
            f"the group went on without this process ({said}), which was away for longer than "
            "session_timeout: start it again, it goes on where the others stopped"
        )
