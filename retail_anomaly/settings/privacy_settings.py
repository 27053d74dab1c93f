"""The section `privacy` of the settings, and the pseudonyms that it asks for."""

import os
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from retail_anomaly.core.durations import Duration
from retail_anomaly.core.errors import UsageError
from retail_anomaly.core.pseudonyms import LEAST_KEY_BYTES, Pseudonyms
from retail_anomaly.settings.section import Section

_HOUR: Final = 3_600_000
_DAY: Final = 24 * _HOUR
_LONGEST: Final = 30 * _DAY
_VARIABLE: Final = r"^[A-Z_][A-Z0-9_]*$"


class KeyMissingError(UsageError, ValueError):
    """The key of the pseudonyms is not in the environment; the text names the variable.

    Examples
    --------
    >>> pseudonyms_of(PrivacySettings(pseudonyms="keyed"), {})
    Traceback (most recent call last):
    retail_anomaly.settings.privacy_settings.KeyMissingError: privacy.key: the environment variable ...
    """


class PrivacySettings(Section, frozen=True):
    """Pseudonyms in the place of the ids of employees; their keys come from environment variables.

    Examples
    --------
    >>> PrivacySettings().pseudonyms, PrivacySettings().pause
    ('none', Duration('10h'))
    """

    pseudonyms: Annotated[
        Literal["none", "keyed"],
        Meta(
            description="keyed: a keyed hash stands for the id of each employee, from the moment an event is "
            "read. none: the ids stay."
        ),
    ] = "none"
    key: Annotated[
        str,
        Meta(pattern=_VARIABLE, description="Environment variable with the key: 16 characters or more."),
    ] = "RETAIL_PSEUDONYM_KEY"
    rotations: Annotated[
        dict[str, date],
        Meta(
            description="Later keys, by environment variable: the day (UTC) from which each is used. "
            "RETAIL_PSEUDONYM_KEY_2: 2027-01-01."
        ),
    ] = msgspec.field(default_factory=dict)
    pause: Annotated[
        Duration,
        Meta(
            description="After a rotation, an employee takes the new pseudonym in the first pause of this "
            "length: between two working days."
        ),
    ] = Duration(10 * _HOUR)
    overlap: Annotated[
        Duration,
        Meta(description="After a rotation, old pseudonyms end at the latest after this time."),
    ] = Duration(7 * _DAY)
    not_persons: Annotated[
        tuple[str, ...],
        Meta(description="Ids of cashiers that are no employees, and stay: [SCO-*] for all that begin so."),
    ] = ()

    audit: Annotated[
        bool,
        Meta(
            description="Write the topic retail-audit: configurations, changes of rules, decisions, reveals. "
            "Each record holds the hash of the one before."
        ),
    ] = False

    def __post_init__(self) -> None:
        for name in ("pause", "overlap"):
            if getattr(self, name) > _LONGEST:
                raise ValueError(f"{name}: expected at most {Duration(_LONGEST)}")
        if self.overlap < self.pause:
            raise ValueError(f"overlap: expected at least the pause, {self.pause}")
        days = list(self.rotations.values())
        if len(set(days)) < len(days):
            raise ValueError("rotations: expected a day of its own for each key")
        if self.key in self.rotations:
            raise ValueError(f"rotations: {self.key} is the key of the time before: name another variable")
        if "*" in self.not_persons:
            raise ValueError("not_persons: expected ids, or beginnings such as SCO-*, got *")


NO_PSEUDONYMS: Final = PrivacySettings()


def pseudonyms_of(
    settings: PrivacySettings,
    environ: Mapping[str, str] | None = None,
    *,
    nobody: Iterable[str] = (),
) -> Pseudonyms | None:
    """Return the pseudonyms that the settings ask for, or None if the ids stay.

    Equal settings and keys give the same object: the engine asks it about the events that were read with it.

    Parameters
    ----------
    settings
        The section.
    environ
        The environment; by default that of the process.
    nobody
        Further ids that are no employees', such as those that a mapping fills in.

    Raises
    ------
    KeyMissingError
        A variable is not set, or its key is too short.

    Examples
    --------
    >>> keyed = PrivacySettings(pseudonyms="keyed")
    >>> environ = {"RETAIL_PSEUDONYM_KEY": "0123456789abcdef"}
    >>> pseudonyms_of(keyed, environ) is pseudonyms_of(keyed, environ)
    True
    """
    if settings.pseudonyms == "none":
        return None
    environ = os.environ if environ is None else environ
    later = sorted((_millis(day), name) for name, day in settings.rotations.items())
    keys = tuple((since, _key(name.upper(), environ)) for since, name in [(0, settings.key), *later])
    return _pseudonyms(keys, settings.pause, settings.overlap, (*settings.not_persons, *sorted(nobody)))


@lru_cache(maxsize=8)
def _pseudonyms(
    keys: tuple[tuple[int, bytes], ...], pause: int, overlap: int, not_persons: tuple[str, ...]
) -> Pseudonyms:
    return Pseudonyms(keys, pause=pause, overlap=overlap, not_persons=not_persons)


def _key(variable: str, environ: Mapping[str, str]) -> bytes:
    key = environ.get(variable, "").encode("utf-8", "surrogateescape")
    if len(key) >= LEAST_KEY_BYTES:
        return key
    found = "is not set" if not key else f"holds {len(key)} bytes"
    raise KeyMissingError(
        f"privacy.key: the environment variable {variable} {found}: give it a secret of {LEAST_KEY_BYTES} "
        "bytes or more, the same in each process (openssl rand -hex 32)"
    )


def _millis(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000
