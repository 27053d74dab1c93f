"""The rules in force, and the changes that brought them about."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

import msgspec

from retail_anomaly.core.dispatch import Dispatch
from retail_anomaly.core.nearest import nearest
from retail_anomaly.core.records import InvalidRecord
from retail_anomaly.rules.changes import RuleChange
from retail_anomaly.rules.configured import ConfiguredRules
from retail_anomaly.rules.load import load_rule
from retail_anomaly.rules.model import Rule, Status, with_status
from retail_anomaly.rules.written import RuleError

# Rules of a change that comes once for each partition.
_REMEMBERED: Final = 256


class KeptChange(msgspec.Struct, array_like=True, frozen=True):
    """The newest change of a rule.

    Parameters
    ----------
    version, status
        Those of the rule after it.
    since
        The number of the change with which the rule's groups began; 0: with the configuration; below 0: with
        a configuration after that change, which switched the rule off.
    by, time
        Who asked for it, and when.
    pushed
        The rule as JSON; None: it is the one of the configuration.
    number
        The number of this change.
    """

    version: int
    status: Status
    since: int
    by: str
    time: int
    pushed: bytes | None
    number: int

    @property
    def goes_on(self) -> int:
        """Since which change the groups of another version go on: those of a rule that is off have a gap."""
        return -self.number if self.status == "off" else self.since


class _KeptBook(msgspec.Struct, array_like=True):
    count: int = 0
    changes: dict[str, KeptChange] = {}


class RuleBook:
    """The rules in force in one partition or in a replay: those of the configuration, after some changes.

    A rule of the configuration counts again once its version there is higher than the one that was changed.

    Parameters
    ----------
    configured
        The rules of the configuration.
    packed
        The changes so far, as `packed` returns them.

    Raises
    ------
    RuleError
        The configuration lays keys over a pushed rule in a store, and they do not fit.

    Examples
    --------
    >>> counted = {"id": "a", "events": {"e": {"eventType": "NO_SALE"}}, "window": "1h",
    ...     "when": {"count": "e", "gte": 2}}
    >>> book = RuleBook(ConfiguredRules(max_late=86_400_000))
    >>> book.apply(RuleChange("push", "kim", 1_760_000_000_000, rule=counted)).status
    'shadow'
    >>> book.apply(RuleChange("promote", "kim", 1_760_000_000_000, id="a")).status
    'live'
    >>> [(rule.id, rule.version, rule.status) for rule in book.rules()]
    [('a', 1, 'live')]
    """

    def __init__(self, configured: ConfiguredRules, packed: bytes | None = None) -> None:
        self._configured = configured
        kept = msgspec.msgpack.decode(packed, type=_KeptBook) if packed else _KeptBook()
        self._count = kept.count
        self._changes = kept.changes
        self._everywhere: dict[str, tuple[Rule, int]] = {}
        for name in dict.fromkeys([*configured.everywhere, *self._changes]):
            rule, since = _newer(configured.everywhere.get(name), self._changes.get(name))
            if rule is not None:
                self._everywhere[name] = rule, since
        self._dispatches: dict[str | None, Dispatch] = {}

    def packed(self) -> bytes:
        """Return the changes as bytes, for the state of a partition."""
        return msgspec.msgpack.encode(_KeptBook(self._count, self._changes))

    @property
    def is_changed(self) -> bool:
        """Whether any change was made."""
        return bool(self._count)

    @property
    def needs_time(self) -> bool:
        """Whether a rule waits for time to pass."""
        stores = [None, *self._configured.by_store]
        return any(self.dispatch(store).timed for store in stores)

    def rules(self) -> Iterator[Rule]:
        """Yield the rules of every store, those that are off among them."""
        for rule, _ in self._everywhere.values():
            yield rule

    def dispatch(self, store_id: str | None = None) -> Dispatch:
        """Return the index of the rules that run in a store; None: in one without rules of its own."""
        if store_id not in self._configured.by_store:
            store_id = None
        found = self._dispatches.get(store_id)
        if found is None:
            found = self._dispatches[store_id] = self._configured.dispatch(self._of_store(store_id))
        return found

    def apply(self, change: RuleChange) -> Rule:
        """Make a change; return the rule as it is then.

        Raises
        ------
        InvalidRecord
            The change is refused, and nothing has changed.
        """
        try:
            rule, pushed = self._pushed(change) if change.action == "push" else self._named(change)
            for store_id in self._configured.by_store:
                self._configured.own(rule, store_id)
        except RuleError as error:
            raise InvalidRecord("rule", str(error)) from None
        except (RecursionError, OverflowError, ValueError) as error:
            if isinstance(error, InvalidRecord):
                raise
            raise InvalidRecord("rule", f"rule: expected a rule, got what can't be kept: {error}") from None
        before, since = self._everywhere.get(rule.id, (None, 0))
        self._count += 1
        # A group that missed events, or was another's, would count on with a gap.
        if rule.status != "off" and (before is None or before.status == "off" or before.shape != rule.shape):
            since = self._count
        kept = KeptChange(rule.version, rule.status, since, change.by, change.time, pushed, self._count)
        self._changes[rule.id] = kept
        self._everywhere[rule.id] = rule, since
        self._dispatches = {}
        return rule

    def _pushed(self, change: RuleChange) -> tuple[Rule, bytes]:
        given = {name: value for name, value in (change.rule or {}).items() if name != "examples"}
        packed = msgspec.json.encode(given)
        rule = _read_rule(packed)
        # The status is written out, as in a book that was stored: the rule has one hash before and after.
        rule = with_status(rule, rule.status)
        known, _ = self._everywhere.get(rule.id, (None, 0))
        if known is not None and rule.version <= known.version:
            if rule.version < known.version:
                raise InvalidRecord(
                    "rule.version",
                    f"rule.version: rule {rule.id} has version {known.version} already, got {rule.version}; "
                    "give it a higher one",
                )
            if with_status(known, rule.status).config_hash != rule.config_hash:
                raise InvalidRecord(
                    "rule.version",
                    f"rule.version: rule {rule.id} version {rule.version} is another rule already; give this "
                    f"one version {rule.version + 1}",
                )
        return rule, packed

    def _named(self, change: RuleChange) -> tuple[Rule, bytes | None]:
        known = self._everywhere.get(change.rule_id)
        if known is None:
            advice = nearest(change.rule_id, self._everywhere) if self._everywhere else "none is known"
            raise InvalidRecord("id", f"id: there is no rule {change.rule_id}; {advice}")
        rule, kept = known[0], self._changes.get(change.rule_id)
        is_pushed = kept is not None and kept.version == rule.version
        return with_status(rule, change.status), kept.pushed if kept and is_pushed else None

    def _of_store(self, store_id: str | None) -> Iterator[tuple[Rule, int]]:
        own = self._configured.by_store.get(store_id or "", {})
        for name, (rule, since) in self._everywhere.items():
            kept = self._changes.get(name)
            if store_id is None:
                yield rule, since
            elif kept is None or kept.version != rule.version:
                yield own.get(name, rule), since
            else:
                yield self._configured.own(rule, store_id), since


def _newer(configured: Rule | None, kept: KeptChange | None) -> tuple[Rule | None, int]:
    """Return the rule of the higher version, and since which change its groups go on."""
    if kept is None:
        return configured, 0
    if configured is not None and configured.version > kept.version:
        return configured, kept.goes_on
    if kept.pushed is not None:
        return with_status(_read_rule(kept.pushed), kept.status), kept.since
    # The configuration has lost the rule, or an older version is back: the change was of neither.
    if configured is None or configured.version < kept.version:
        return configured, kept.goes_on
    return with_status(configured, kept.status), kept.since


@lru_cache(_REMEMBERED)
def _read_rule(packed: bytes) -> Rule:
    given: dict[str, Any] = msgspec.json.decode(packed)
    return load_rule(given)
