"""The name of a dataframe's state, which outlives the topics that are added."""

from collections.abc import Sequence
from functools import reduce

from quixstreams.dataframe import StreamingDataFrame


def merged_with_state_of(
    older: Sequence[StreamingDataFrame], newer: Sequence[StreamingDataFrame]
) -> StreamingDataFrame:
    """Merge dataframes in the order of their records' timestamps, with the state that some of them had.

    Quix names a state after the topics of its dataframe. A release that reads one topic more would begin with
    an empty state, beside the offsets that were committed.

    Parameters
    ----------
    older
        The dataframes whose merger wrote the state.
    newer
        Those that came later.

    Returns
    -------
    StreamingDataFrame
        The merged dataframe.
    """
    before = reduce(StreamingDataFrame.concat, older)
    merged = reduce(StreamingDataFrame.concat, [before, *newer])
    return merged.__dataframe_clone__(stream=merged.stream, stream_id=before.stream_id)
