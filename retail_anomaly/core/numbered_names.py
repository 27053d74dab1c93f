"""Names that the rows of kept lines count, so that a row needs two bytes for one."""

from collections.abc import Iterable, Sequence
from typing import Final, Generic, TypeVar

import numpy as np

from retail_anomaly.core.line_chunk import Rows

T = TypeVar("T", bound=object)
_NO_BOUND: Final = 2**62


class NumberedNames(dict[T, int], Generic[T]):
    """Give each name a number: the index of a name that is new is the next number.

    Parameters
    ----------
    names
        Those that have a number at once.
    most
        How many names may have one. Any further name has this number, and is not kept.

    Attributes
    ----------
    names
        The names by their number.

    Examples
    --------
    >>> skus = NumberedNames(["milk"])
    >>> skus["bread"], skus["milk"], skus.names
    (1, 0, ['milk', 'bread'])
    """

    __slots__ = ("_most", "names")

    def __init__(self, names: Iterable[T] = (), most: int = _NO_BOUND) -> None:
        self.names = list(names)
        self._most = most
        super().__init__((name, number) for number, name in enumerate(self.names))

    # The dictionary calls it for a name that it does not have: a known name costs no call of ours.
    def __missing__(self, name: T) -> int:
        number = len(self.names)
        if number >= self._most:
            return self._most
        self[name] = number
        self.names.append(name)
        return number

    def put(self, name: T) -> int:
        """Return the number of a name, which gets one although the others have used up theirs."""
        number = self.setdefault(name, len(self.names))
        if number == len(self.names):
            self.names.append(name)
        return number

    def keep_used(self, field: str, rows: Sequence[Rows]) -> None:
        """Drop the names that no row has, once they are the most; the rows then count the others.

        Parameters
        ----------
        field
            The field of the rows that counts these names.
        rows
            All rows that count them; they are changed.
        """
        used = np.unique(np.concatenate([each[field] for each in rows])) if rows else np.zeros(0, np.uint16)
        if len(self.names) <= 2 * len(used):
            return
        for each in rows:
            each[field] = np.searchsorted(used, each[field])
        self.names = [self.names[number] for number in used]
        self.clear()
        self.update((name, number) for number, name in enumerate(self.names))
