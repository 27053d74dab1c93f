"""Tasks on a cluster of Ray, which has no executor of `concurrent.futures` itself."""

import logging
import socket
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

# What processes of the cluster log comes to this one too. An error comes as an exception as well.
_FROM_THE_CLUSTER: Final = "ray.util.client.logsclient"


class RayExecutor(Executor):
    """Runs each call as a task of Ray, on the cluster that this thread is connected to.

    If a worker is lost, Ray repeats its task, at most three times.
    """

    def __init__(self) -> None:
        import ray  # Here: only the extra `ray` installs it.

        self._called = ray.remote(_called)

    def submit(self, task: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run a call on the cluster."""
        future: Future[Any] = Future()
        running = self._called.remote(task, args, kwargs).future()
        # A future of Ray fails when its result comes after it was cancelled.
        running.add_done_callback(partial(_pass_on, future))
        return future


@contextmanager
def connected(address: str, patience: float) -> Iterator[Executor]:
    """Connect to the Ray Client server of a cluster for as long as the block runs.

    Parameters
    ----------
    address
        ``host:port``.
    patience
        How long to wait for an answer, in seconds.

    Raises
    ------
    Exception
        It does not answer, or it refuses; Ray has many classes for that.
    """
    import ray

    url = urlsplit(f"ray://{address}")
    if url.port is None:
        raise ValueError(f"{address} has no port")
    # Where nobody listens, Ray tries for half a minute.
    socket.create_connection((url.hostname or "", url.port), patience).close()
    with _quiet():
        with warnings.catch_warnings(action="ignore"):  # the error says it too
            context = ray.init(
                f"ray://{address}", allow_multiple=True, log_to_driver=False, logging_level=logging.WARNING
            )
        try:
            with context:
                yield RayExecutor()
        finally:
            # With `allow_multiple` the block does not end it. Ray then ends what still runs.
            context.disconnect()


def _called(task: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return task(*args, **kwargs)


def _pass_on(future: Future[Any], running: Future[Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    error = running.exception()
    if error is None:
        future.set_result(running.result())
    else:
        # Ray's own error is the traceback as text, and has the error of the task in it.
        cause = getattr(error, "cause", None)
        future.set_exception(cause if isinstance(cause, Exception) else error)


@contextmanager
def _quiet() -> Iterator[None]:
    logger = logging.getLogger(_FROM_THE_CLUSTER)
    logger.addFilter(_drop)
    try:
        yield
    finally:
        logger.removeFilter(_drop)


def _drop(_: logging.LogRecord) -> bool:
    return False
