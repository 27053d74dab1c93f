"""The remark about stores that a configuration names and that have no events."""

from collections.abc import Collection
from typing import Final

import msgspec

from retail_anomaly.core.nearest import nearest

# A replay of invented store ids has very many.
_MOST_OTHERS: Final = 1_000
_MOST_NAMED: Final = 5


class NamedStores(msgspec.Struct):
    """Which stores with events a configuration names, and some that it does not name.

    Parameters
    ----------
    heard
        The stores with events that it names.
    others
        Stores with events that it does not name.

    Examples
    --------
    >>> NamedStores.of(["store-1", "store-2"], {"stoer-1", "store-2"}).remarks({"stoer-1", "store-2"})
    ['the configuration names stores without events: stoer-1 (did you mean store-1?)']
    """

    heard: set[str] = msgspec.field(default_factory=set)
    others: list[str] = msgspec.field(default_factory=list)

    @classmethod
    def of(cls, seen: Collection[str], configured: Collection[str]) -> "NamedStores":
        """Divide the stores with events."""
        if not configured:
            return cls()
        others = sorted(set(seen) - set(configured))
        return cls({name for name in configured if name in seen}, others[:_MOST_OTHERS])

    def add(self, other: "NamedStores") -> None:
        """Add those of another share of the stores."""
        self.heard |= other.heard
        self.others += other.others

    def remarks(self, configured: Collection[str]) -> list[str]:
        """Return the sentence for a person; none where the configuration names every store with events.

        The configuration of a chain is right for the log of one of its stores.
        """
        unheard = sorted(set(configured) - self.heard)
        if not unheard or not self.others:
            return []
        named = ", ".join(map(self._with_nearest, unheard[:_MOST_NAMED]))
        more = f" and {len(unheard) - _MOST_NAMED:,} more" if len(unheard) > _MOST_NAMED else ""
        return [f"the configuration names stores without events: {named}{more}"]

    def _with_nearest(self, name: str) -> str:
        said = nearest(name, sorted(self.others))
        return f"{name} ({said})" if said.startswith("did you mean") else name
