"""Memory that is freed and stays with the process."""

import ctypes
from contextlib import suppress
from typing import Final

_M_ARENA_MAX: Final = -8  # of glibc's malloc.h


def share_heaps() -> None:
    """Let all threads allocate from two heaps: librdkafka's would each hold freed memory of its own.

    To be called before there are such threads. With another C library than glibc it does nothing.

    Examples
    --------
    >>> share_heaps()
    """
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)
