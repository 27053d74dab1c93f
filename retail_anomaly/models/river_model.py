"""A River detector at work: it takes features and returns the share of recent ones that were as strange."""

import struct
import zlib
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from math import isfinite, log10, nan
from typing import Any, Final

import msgspec

from retail_anomaly.core.collections import Load, Snapshot, StateRecord
from retail_anomaly.models.river_choice import (
    NO_SCALER,
    Features,
    ModelError,
    RiverChoice,
    is_failure,
    learn,
    said,
    score,
)
from retail_anomaly.models.river_state import RefusedStateError, UnstorableError, pack, unpack

MOST_BYTES: Final = 4_000_000
"""The state of a detector with more bytes than this is given up."""
_LOOK_AFTER: Final = 1_000
_TELL_AGAIN: Final = 1_000
_REMEMBERED: Final = 2_000
_PAGE: Final = 250  # scores in a record
_DETECTOR: Final = "detector"
_FORMAT: Final = 1
_FAST: Final = 1  # the level of compression: trees shrink to a sixth, whatever the level
Tell = Callable[[str], None]


class _ModelRecord(msgspec.Struct, array_like=True):
    """The record of a detector; its scores stand in records of their own."""

    format: int
    river: str
    chosen: bytes
    learned: int
    beside: bytes
    packed: bytes


class RiverModel(Snapshot):
    """Run a River detector and keep its recent scores.

    The detector scores before it learns, and learns everything. Each detector has a scale of its own, so a
    score is replaced by the share of the last 2,000 scores that were as high.

    Parameters
    ----------
    choice
        The detector.
    beside
        A struct that goes on and begins anew with the detector, such as a rank of its scores; None: there is
        none.

    Attributes
    ----------
    strength
        Minus the decimal logarithm of the last share.
    failed
        Whether the detector failed on the last features.

    Notes
    -----
    Its state is stored as `retail_anomaly.models.river_state` does it, only after it learned. The size is
    looked at after every thousandth time that it learned, so that it is given up at the same event in each
    run.

    Examples
    --------
    >>> model = RiverModel(RiverChoice("river.anomaly.GaussianScorer", {"grace_period": 10}))
    >>> for n in range(199):
    ...     share = model.share_as_high({"refunds": float(n % 5)})
    >>> model.share_as_high({"refunds": 50.0})
    0.005
    """

    def __init__(self, choice: RiverChoice, beside: Any = None) -> None:
        self._choice = choice
        self._new_beside = msgspec.msgpack.encode(beside)
        self._told: str | None = None
        self.beside = beside
        self.strength = 0.0
        self.failed = False
        self._failures = 0
        self._begin()

    def _begin(self) -> None:
        """Begin with nothing learned."""
        self._detector, self._scaler = self._choice.make()
        if self.beside is not None:
            self.beside = msgspec.msgpack.decode(self._new_beside, type=type(self.beside))
        self._learned = 0
        self._scored = 0
        self._scores: list[float] = []  # a ring: the next one replaces the oldest
        self._sorted: list[float] = []
        self._score = 0.0
        self._features: Features = {}
        self._changed = False
        self._pages: set[int] = set()  # of scores, changed since the last records

    def share_as_high(self, features: Features, tell: Tell | None = None) -> float:
        """Return the share of the scores so far that were at least as high; then learn.

        Parameters
        ----------
        features
            Numbers; a supervised detector takes the first as its target. If one is not finite, nothing is
            scored or learned: it could spoil the detector for ever.
        tell
            Takes a line about a detector that failed or began anew; it is then passed over, and 1 returned.

        Returns
        -------
        float
            In (0, 1], and at least one divided by the number of scores. 1 for a score that is not a number.

        Raises
        ------
        ModelError
            The detector failed or has grown too large, and there is no `tell`.
        """
        if self._told is not None and tell is not None:
            tell(self._told)
            self._told = None
        self._features = features
        self.failed = False
        if not all(map(isfinite, features.values())):
            self._score = nan
        else:
            self._score_and_learn(features, tell)
        if not isfinite(self._score):
            self._score, self.strength = 0.0, 0.0
            return 1.0
        as_high = len(self._sorted) - bisect_left(self._sorted, self._score)
        share = (1 + as_high) / (1 + len(self._sorted))
        self._remember(self._score)
        self.strength = -log10(share)
        return share

    def _score_and_learn(self, features: Features, tell: Tell | None) -> None:
        self._changed = True
        self._learned += 1
        try:
            self._score = score(self._detector, self._scaler, features)
            learn(self._detector, self._scaler, features)
        except BaseException as error:
            if not is_failure(error):
                raise
            text = f"{self._choice.model} failed on {features}: {said(error)}"
            if tell is None:
                raise ModelError(text) from error
            if self._failures % _TELL_AGAIN == 0:
                tell(f"{text}; failures before this one: {self._failures:,}")
            self._failures += 1
            self.failed = True
            self._score = nan
        if self._learned % _LOOK_AFTER == 0:
            self._look_at_size(tell)

    def _look_at_size(self, tell: Tell | None) -> None:
        try:
            size = len(self._packed())
        except UnstorableError:
            return  # said when it is to be stored
        if size <= MOST_BYTES:
            return
        text = (
            f"the state of {self._choice.model} has grown to {size:,} bytes, and at most {MOST_BYTES:,} are "
            "stored: choose parameters that keep less"
        )
        if tell is None:
            raise ModelError(text)
        tell(f"{text}; it begins anew")
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._begin()
        self._score, self._changed = nan, True

    def evidence(self) -> dict[str, Any]:
        """Return the detector, its last score and its features."""
        return {
            "model": self._choice.model,
            "modelParameters": dict(self._choice.parameters),
            "scaler": None if self._choice.scaler == NO_SCALER else self._choice.scaler,
            "modelScore": float(f"{self._score:.6g}"),
            "features": {name: float(f"{value:.6g}") for name, value in self._features.items()},
        }

    def _remember(self, value: float) -> None:
        insort(self._sorted, value)
        place = self._scored % _REMEMBERED
        self._scored += 1
        if place == len(self._scores):
            self._scores.append(value)
        else:
            del self._sorted[bisect_left(self._sorted, self._scores[place])]
            self._scores[place] = value
        self._pages.add(place // _PAGE)

    # --- Stored -------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return int(self._learned > 0)

    def describe(self) -> list[int]:
        """Return how many scores there were, and how many are remembered."""
        return [self._scored, len(self._scores)]

    def records(self) -> Iterator[StateRecord]:
        """Yield the detector and the pages of scores, where they changed."""
        for page in sorted(self._pages):
            scores = self._scores[page * _PAGE : (page + 1) * _PAGE]
            yield f"scores-{page}", msgspec.msgpack.encode(struct.pack(f"<{len(scores)}d", *scores))
        self._pages.clear()
        if not self._changed:
            return
        self._changed = False
        try:
            packed = zlib.compress(self._packed(), _FAST)
        except UnstorableError as error:
            self._told = (
                f"the state of {self._choice.model} is not stored: {error}; it begins anew after a restart"
            )
            packed = b""
        stored = _ModelRecord(
            _FORMAT,
            self._choice.river_version,
            self._chosen(),
            self._learned,
            msgspec.msgpack.encode(self.beside),
            packed,
        )
        yield _DETECTOR, msgspec.msgpack.encode(stored)

    def restore(self, description: list[int], load: Load) -> None:
        """Go on with what was stored, if it is of the same choice and version of River; else begin anew."""
        content = load(_DETECTOR)
        if content is None:
            return
        try:
            stored = msgspec.msgpack.decode(content, type=_ModelRecord)
            self._check(stored)
            self._take(stored, description, load)
        except (RefusedStateError, msgspec.MsgspecError, zlib.error, ValueError, struct.error) as error:
            self._begin_anew()
            self._told = f"{self._choice.model} begins anew: {' '.join(str(error).split())}"

    def _check(self, stored: _ModelRecord) -> None:
        now = self._choice.river_version
        if stored.format != _FORMAT:
            raise ValueError(f"its state has format {stored.format}, and this version reads {_FORMAT}")
        if stored.chosen != self._chosen():
            raise ValueError("its state is that of another model or of other parameters")
        if stored.river != now:
            raise ValueError(f"its state was written with River {stored.river[:40]}, and River {now} runs")
        if not stored.packed:
            raise ValueError("its state could not be stored")

    def _take(self, stored: _ModelRecord, description: list[int], load: Load) -> None:
        inflating = zlib.decompressobj()
        packed = inflating.decompress(stored.packed, 4 * MOST_BYTES)
        if inflating.unconsumed_tail:
            raise RefusedStateError(f"its state has more than {4 * MOST_BYTES:,} bytes")
        permitted = self._choice.permitted
        found = unpack(packed, permitted)
        kinds = tuple(type(each) for each in (self._detector, self._scaler))
        if type(found) is not tuple or tuple(type(each) for each in found) != kinds:
            raise RefusedStateError("its state is that of another class")
        beside = self.beside
        if beside is not None:
            beside = msgspec.msgpack.decode(stored.beside, type=type(beside))
        scored, remembered = description
        scores: list[float] = []
        for page in range(-(-min(remembered, _REMEMBERED) // _PAGE)):
            packed_page = msgspec.msgpack.decode(load(f"scores-{page}") or b"\xc4\x00", type=bytes)
            scores += struct.unpack(f"<{len(packed_page) // 8}d", packed_page)
        if len(scores) != remembered:
            raise RefusedStateError(f"of its {remembered} scores {len(scores)} are stored")
        self._detector, self._scaler = found
        self._learned, self._scored, self.beside = stored.learned, scored, beside
        self._scores, self._sorted = scores, sorted(scores)

    def _packed(self) -> bytes:
        return pack((self._detector, self._scaler), self._choice.permitted)

    def _chosen(self) -> bytes:
        choice = self._choice
        parameters = sorted(choice.parameters.items())
        return msgspec.msgpack.encode((choice.model, parameters, choice.scaler))
