"""Events in their order, with a look at those that come next."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Generic, Self, TypeVar

T = TypeVar("T")


class LookAhead(Generic[T]):
    """An iterator that shows the items behind the one that it gave last.

    Parameters
    ----------
    items
        The items; they are taken from there as late as possible.

    Examples
    --------
    >>> ahead = LookAhead("abcd")
    >>> next(ahead), [*ahead.behind()], next(ahead)
    ('a', ['b', 'c', 'd'], 'b')
    """

    def __init__(self, items: Iterable[T]) -> None:
        self._items = iter(items)
        self._seen: deque[T] = deque()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        return self._seen.popleft() if self._seen else next(self._items)

    def behind(self) -> Iterator[T]:
        """Yield the items to come, which stay to come."""
        yield from self._seen
        for item in self._items:
            self._seen.append(item)
            yield item
