"""Memory that is freed and stays with the process."""

import ctypes
from contextlib import suppress
from typing import Final

_M_ARENA_MAX: Final = -8  # of glibc's malloc.h
_LIBC: Final = ctypes.CDLL(None)


def share_heaps() -> None:
    """Let all threads allocate from two heaps: librdkafka's would each hold freed memory of its own.

    To be called before there are such threads. With another C library than glibc it does nothing.

    Examples
    --------
    >>> share_heaps()
    """
    with suppress(AttributeError):
        _LIBC.mallopt(_M_ARENA_MAX, 2)


def return_freed() -> None:
    """Return to the system what was freed between pieces still in use, which glibc keeps by itself.

    It takes a few milliseconds. With another C library than glibc it does nothing.

    Examples
    --------
    >>> return_freed()
    """
    with suppress(AttributeError):
        _LIBC.malloc_trim(0)
