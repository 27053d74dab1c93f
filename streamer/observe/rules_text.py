"""Changes of rules as text."""

import difflib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import yaml

from retail_anomaly.rules import Rule
from streamer.kafka.rules_topic import RuleRow


def change_lines(rows: Sequence[RuleRow]) -> Iterator[str]:
    """Yield a line for each change, whose copies stand in several partitions.

    Examples
    --------
    >>> raw = b'{"action": "off", "by": "kim", "time": 1760000000000, "id": "a", "reason": "too loud"}'
    >>> list(change_lines([RuleRow(1_760_000_000_001, n, 2, 0, raw) for n in (0, 1)]))
    ['2025-10-09 08:53 UTC  kim  off a: too loud']
    """
    copies: dict[str | bytes, list[RuleRow]] = {}
    for row in sorted(rows, key=lambda row: row.offset):
        change = row.change
        copies.setdefault((change and change.change_id) or row.raw or b"", []).append(row)
    for found in copies.values():
        row, change = found[0], found[0].change
        if change is None:
            yield f"{_when(row.time)}  no change of a rule: {(row.raw or b'')[:60]!r}"
            continue
        rule = change.rule or {}
        what = f" version {rule.get('version', 1)} {rule.get('status', 'shadow')}" if change.rule else ""
        why = f": {change.reason}" if change.reason else ""
        partitions = len({each.partition for each in found})
        only = f" (in {partitions} of {row.partitions} partitions)" if partitions < row.partitions else ""
        yield f"{_when(change.time)}  {change.by}  {change.action} {change.rule_id}{what}{why}{only}"


def difference(known: Rule | None, rule: Rule) -> Iterator[str]:
    """Yield the lines in which a rule differs from the one that is in force.

    Examples
    --------
    >>> one = {"id": "a", "events": {"e": {"eventType": "NO_SALE"}}, "window": "1h",
    ...     "when": {"count": "e", "gte": 2}}
    >>> [line for line in difference(Rule.load(one), Rule.load({**one, "window": "2h"})) if "wind" in line]
    ['-window: 1h', '+window: 2h']
    """
    if known is None:
        yield f"{rule.id}: not known yet"
        return
    before, after = (_text(each) for each in (known, rule))
    names = f"{rule.id} in force", f"{rule.id} in {rule.place}"
    lines = list(difflib.unified_diff(before, after, *names, lineterm=""))
    yield from lines or [f"{rule.id}: as in force"]


def _text(rule: Rule) -> list[str]:
    shown = {name: value for name, value in rule.written.items() if name != "examples"}
    return yaml.safe_dump(shown, sort_keys=True, allow_unicode=True).splitlines()


def _when(time: int) -> str:
    return datetime.fromtimestamp(time / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
