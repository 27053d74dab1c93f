"""Calls of our own functions that another process does, on whichever machine it runs."""

import pickle
import platform
from collections.abc import Callable, Sequence
from importlib import metadata
from typing import Any, TypeAlias

from retail_anomaly.core.extras import DISTRIBUTION
from retail_anomaly.detectors import own_detectors, register
from retail_anomaly.workers import Channel, WorkerError

Call: TypeAlias = tuple[Callable[..., Any], tuple[Any, ...]]
"""A function of a module of ours, and its arguments."""


def version() -> str:
    """Return the version of the installed package."""
    return metadata.version(DISTRIBUTION)


def portable(call: Call) -> tuple[str, bytes]:
    """Return the arguments of `do_sent`: the version, and what only this version can read."""
    return version(), pickle.dumps((list(own_detectors().values()), call))


def do_sent(sent_by: str, content: bytes) -> Any:
    """Do a call that another process has sent, with the detectors that are registered there.

    Parameters
    ----------
    sent_by, content
        As `portable` returns them.

    Raises
    ------
    WorkerError
        This process has another version of the package, or lacks the module of a detector.

    Examples
    --------
    >>> do_sent(*portable((len, ("four",))))
    4
    """
    if sent_by != version():
        raise WorkerError(
            f"the worker on {platform.node()} has {DISTRIBUTION} {version()}, and this is {sent_by}: install "
            "one version everywhere"
        )
    try:
        own, (function, arguments) = pickle.loads(content)  # noqa: S301 - from the process that started this
    except ImportError as error:
        raise WorkerError(
            f"the worker on {platform.node()} can't import a registered detector ({error}): install its "
            "module there"
        ) from None
    here = own_detectors().values()
    for detector, parameters in own:
        if (detector, parameters) not in here:
            register(detector, parameters)
    return function(*arguments)


def do_all_sent(channel: Channel, calls: Sequence[tuple[int, tuple[str, bytes]]]) -> None:
    """Do some calls one after the other, and send the result of each with its number."""
    for number, call in calls:
        channel.send((number, do_sent(*call)))
