"""The version check: private names of Quix Streams are used here, and any release may change them."""

from importlib import metadata
from typing import Final

from streamer.errors import StreamerError

PINNED: Final = "3.28.1"
"""The release of Quix Streams that this package was written and tested with."""


def check_version(installed: str) -> None:
    """Refuse every release of Quix Streams but the pinned one.

    Parameters
    ----------
    installed
        The version that is installed.

    Raises
    ------
    StreamerError
        It is another release.

    Examples
    --------
    >>> check_version("3.28.1")
    >>> check_version("3.29.0")
    Traceback (most recent call last):
    streamer.errors.StreamerError: quixstreams 3.29.0 is installed, the streamer needs exactly 3.28.1: ...
    """
    if installed != PINNED:
        raise StreamerError(
            f"quixstreams {installed} is installed, the streamer needs exactly {PINNED}: "
            f"pip install 'quixstreams=={PINNED}'"
        )


def check_installed() -> None:
    """Check the version that is installed; without any, the import that follows says so."""
    try:
        installed = metadata.version("quixstreams")
    except metadata.PackageNotFoundError:
        return
    check_version(installed)
