"""What an operator can repair."""


class StreamerError(Exception):
    """The streamer can't go on; the message is one line that says what to do next.

    Examples
    --------
    >>> raise StreamerError("no Kafka answers at localhost:9092: is it running?")
    Traceback (most recent call last):
    streamer.errors.StreamerError: no Kafka answers at localhost:9092: is it running?
    """
