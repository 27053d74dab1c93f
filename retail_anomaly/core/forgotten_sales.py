"""The sales that a store forgets, for detectors that remember them in fewer bytes."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from retail_anomaly.core.line_chunk import Chunk
from retail_anomaly.core.receipts import Identity, references, series_hash


class ForgottenSales(NamedTuple):
    """SALE lines that are forgotten now and of which something is left, by each way to refer to them.

    Parameters
    ----------
    hashes
        The hashes of references to the receipt, and of tokens with the sku.
    times
        The times of the lines, in epoch milliseconds.
    """

    hashes: np.ndarray[Any, np.dtype[np.uint64]]
    times: np.ndarray[Any, np.dtype[np.int64]]


def forgotten_sales(chunks: Sequence[Chunk], series: Sequence[Identity]) -> ForgottenSales:
    """Return the SALE lines of chunks of which something is left.

    Parameters
    ----------
    chunks
        The chunks that go; at least one.
    series
        The series that their rows count.

    Examples
    --------
    >>> chunk = Chunk(1_760_000_000_000)
    >>> forgotten_sales([chunk], [()]).times.tolist()
    []
    """
    hashes: list[np.ndarray[Any, np.dtype[np.uint64]]] = []
    times: list[np.ndarray[Any, np.dtype[np.int64]]] = []
    for chunk in chunks:
        rows = chunk.view()
        left, at = rows["quantity"] > 0, chunk.event_times()
        for row, odd in chunk.odd.items():
            left[row] = odd.quantity > 0
        for number in np.unique(rows["series"][left]).tolist():
            own = left & (rows["series"] == number)
            for reference in references(series[number]):
                hashes.append(rows["number"][own] ^ np.uint64(series_hash(reference)))
                times.append(at[own])
        tokens, lines = chunk.token_rows()
        hashes.append(rows["number"][tokens[left[lines]]])
        times.append(at[lines[left[lines]]])
    return ForgottenSales(np.concatenate(hashes), np.concatenate(times))
