"""The columns that some of the frames lack which come one after the other."""

from collections.abc import Sequence

from retail_anomaly.core.quantities import plural
from retail_anomaly.sources.columns import kind_of_field


class LackingColumns:
    """Counts the frames that lack a column of others.

    Parameters
    ----------
    columns
        The columns that are read of the first frame.

    Examples
    --------
    >>> lacking = LackingColumns(["sku", "quantity"])
    >>> lacking.look_at(["sku", "quantity"])
    >>> lacking.look_at(["sku", "note"])
    >>> lacking.notes
    ['1 of 2 frames has no column quantity: its rows are read without it']
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self._frames = 0
        self._having = dict.fromkeys(columns, 0)

    @property
    def notes(self) -> list[str]:
        """A sentence for a person about each column that some frames lack."""
        return [
            self._note(name, self._frames - having)
            for name, having in self._having.items()
            if having < self._frames
        ]

    def _note(self, name: str, lacking: int) -> str:
        verb, whose = ("has", "its") if lacking == 1 else ("have", "their")
        return (
            f"{lacking:,} of {plural(self._frames, 'frame')} {verb} no column {name}: {whose} rows are read "
            "without it"
        )

    def look_at(self, names: Sequence[str]) -> None:
        """Count the columns of the next frame."""
        self._frames += 1
        for name in names:
            if name in self._having or kind_of_field(name) is not None:
                self._having[name] = self._having.get(name, 0) + 1
