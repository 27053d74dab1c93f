"""Memory of the process: what malloc would keep of it, and how often Python looks for garbage in it."""

import ctypes
import gc
from contextlib import suppress
from typing import Final

_M_ARENA_MAX: Final = -8  # of glibc's malloc.h
_LIBC: Final = ctypes.CDLL(None)

# Python's own are 700, 10 and 10: with live stores it then walks most of the state again and again.
_THRESHOLDS: Final = 50_000, 50, 100


def share_heaps() -> None:
    """Have all threads share two heaps: otherwise each thread of librdkafka holds freed memory of its own.

    Call it before those threads start. With a C library other than glibc it does nothing.

    Examples
    --------
    >>> share_heaps()
    """
    with suppress(AttributeError):
        _LIBC.mallopt(_M_ARENA_MAX, 2)


def return_freed() -> None:
    """Return freed memory to the system, even between pieces still in use, where glibc would keep it.

    It takes a few milliseconds. With a C library other than glibc it does nothing.

    Examples
    --------
    >>> return_freed()
    """
    with suppress(AttributeError):
        _LIBC.malloc_trim(0)


def collect_rarely() -> None:
    """Have Python look for cycles of garbage seldom, and never among the objects that are there already.

    The state of the stores is many small objects that stay, and next to no cycles come up. Call it once all
    is imported and built, in a process of its own only: it is a setting of the whole process.

    Examples
    --------
    >>> before = gc.get_threshold()
    >>> collect_rarely()
    >>> gc.get_threshold()
    (50000, 50, 100)
    >>> gc.set_threshold(*before)
    >>> gc.unfreeze()
    """
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
