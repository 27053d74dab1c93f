"""Freed memory that malloc would keep in the process."""

import ctypes
from contextlib import suppress
from typing import Final

_M_ARENA_MAX: Final = -8  # of glibc's malloc.h
_LIBC: Final = ctypes.CDLL(None)


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
