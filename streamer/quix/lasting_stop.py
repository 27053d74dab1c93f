"""A stop that lasts: an application that is asked to end while it still starts ends once it has started.

Quix Streams 3.28 installs its signal handlers before it connects, and marks itself as running after that. A
SIGTERM in between, half a second and more, was undone by the mark: the process went on, until it was killed.
"""

from quixstreams.runtracker import RunTracker


class LastingStop(RunTracker):
    """A tracker of an application that runs once.

    Examples
    --------
    >>> tracker = LastingStop()
    >>> tracker.set_as_running()
    >>> tracker.running
    True
    >>> tracker.stop()
    >>> tracker.set_as_running()
    >>> tracker.running
    False
    """

    def __init__(self) -> None:
        self._is_over = False
        super().__init__()  # type: ignore[no-untyped-call]

    def stop(self) -> None:
        """End the run, or the one that is about to begin."""
        self._is_over = True
        super().stop()  # type: ignore[no-untyped-call]

    def set_as_running(self) -> None:
        """Let the loop begin, unless it was stopped before."""
        if not self._is_over:
            super().set_as_running()  # type: ignore[no-untyped-call]
