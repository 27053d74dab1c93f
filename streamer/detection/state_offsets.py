"""State stands for the records before certain offsets; it is used with these offsets and no others.

State with other offsets would count records twice or leave some out, in silence. That happens when a group's
offsets are deleted or expire, when a changelog is lost, or when a topic is deleted and created again.
"""

from collections.abc import Mapping
from typing import Final

from streamer.errors import StreamerError
from streamer.kafka.commit_notes import ADOPTED, BEGUN, SKIPPED, Committed
from streamer.kafka.topic_watch import MADE_ANEW

_WAY_OUT: Final = (
    "`retail-streamer state adopt` goes on from where the state stands, `retail-streamer state reset` begins "
    "anew with the oldest records; give them the streamer's own options"
)


def check_offsets(
    partition: int,
    stored: Mapping[str, int] | None,
    committed: Mapping[str, Committed],
    *,
    empty: bool,
    uncovered: bool,
) -> None:
    """Check that a partition's state stands for the group's offsets.

    Parameters
    ----------
    partition
        Its number.
    stored
        By topic, the next record after those that the state has; None if the state does not tell.
    committed
        By topic, the group's offsets.
    empty
        Whether there is no state at all. State that does not tell was written by an older version.
    uncovered
        Whether its changelog has records, and the group has committed no offset of any topic. Quix reads back
        only the records that offsets cover.

    Raises
    ------
    StreamerError
        It does not; the message names the way out.

    Examples
    --------
    >>> state = {"empty": False, "uncovered": False}
    >>> check_offsets(0, {"pos-events": 7}, {"pos-events": Committed(7, end=9)}, **state)
    >>> check_offsets(0, {"pos-events": 7}, {"pos-events": Committed(None, end=9)}, **state)
    Traceback (most recent call last):
    streamer.errors.StreamerError: pos-events[0]: the state stands for the records before 7, the group has ...
    """
    # A process commits where it begins before it writes any state.
    if empty and uncovered:
        raise StreamerError(
            f"partition {partition}: the changelog has state, the group has committed no offset: {_WAY_OUT}"
        )
    for topic, found in sorted(committed.items()):
        stands = None if stored is None else stored.get(topic)
        if max(found.offset or 0, stands or 0) > found.end:
            raise StreamerError(f"topic {topic} {MADE_ANEW}")
        if stored is None and not empty:
            continue
        if stands == found.offset:
            continue
        if found.offset is not None and _is_noted(stands, found.offset, found.note):
            continue
        state = "there is no state for it"
        if stands is not None:
            state = f"the state stands for the records before {stands}"
        group = "no offset" if found.offset is None else f"offset {found.offset}"
        raise StreamerError(f"{topic}[{partition}]: {state}, the group has committed {group}: {_WAY_OUT}")


def _is_noted(stands: int | None, offset: int, note: str) -> bool:
    """Tell whether an offset was not committed for processed records."""
    if note in (SKIPPED, ADOPTED):
        return True
    # Between the two are only records that no reader gets, such as those of aborted transactions.
    return note == BEGUN and (stands is None or stands < offset)
