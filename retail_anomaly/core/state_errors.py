"""State that this version cannot go on with, and the way out."""

from typing import Final

from retail_anomaly.core.errors import RetailAnomalyError

FORMAT_VERSION: Final = 1
"""Version of the records. Raise it when this code cannot read the records of an older version."""


class StateFormatError(RetailAnomalyError, ValueError):
    """The state was written by a version that this one cannot read.

    Examples
    --------
    >>> str(StateFormatError("store-1", 9))[:38]
    'state of store store-1 has format 9, t'
    """

    def __init__(self, store_id: str, found: int) -> None:
        super().__init__(
            f"state of store {store_id} has format {found}, this version "
            f"reads {FORMAT_VERSION}: run the version that wrote it, or start with a new "
            "consumer group"
        )


class NumberingChangedError(RetailAnomalyError, ValueError):
    """The state was written under another setting of `numbered_by`.

    Examples
    --------
    >>> str(NumberingChangedError("store-1", "store", "register"))[:62]
    'state of store store-1 was written with `numbered_by: store`, '
    """

    def __init__(self, store_id: str, before: str, now: str) -> None:
        super().__init__(
            f"state of store {store_id} was written with `numbered_by: {before}`, and the setting is "
            f"{now}: set it back to {before}, or start with a new consumer group"
        )


class NamesChangedError(RetailAnomalyError, ValueError):
    """The state was written under another setting of `privacy.pseudonyms`.

    Examples
    --------
    >>> str(NamesChangedError("store-1", "none", "keyed"))[:69]
    'state of store store-1 was written with `privacy.pseudonyms: none`, a'
    """

    def __init__(self, store_id: str, before: str, now: str) -> None:
        super().__init__(
            f"state of store {store_id} was written with `privacy.pseudonyms: {before}`, and the setting is "
            f"{now}: set it back to {before}, or start with a new consumer group (docs/privacy.md says how "
            "to remove the state of the old one)"
        )
