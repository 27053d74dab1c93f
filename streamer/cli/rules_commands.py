"""The commands `retail-streamer rules ...`: change the rules of running streamers."""

import getpass
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from streamer.cli.options import Broker, Config, Embedded, prepare

if TYPE_CHECKING:
    from retail_anomaly.rules import Rule
    from retail_anomaly.rules.changes import ChangeKind, RuleChange
    from retail_anomaly.rules.rule_book import RuleBook
    from retail_anomaly.settings import Settings
    from streamer.kafka.connection import Connection

app = typer.Typer(
    rich_markup_mode=None, help="Change the declarative rules of running streamers, and list the changes."
)

_FILES = Annotated[list[Path], typer.Argument(metavar="RULES...", help="Files and folders with rules.")]
_ID = Annotated[str, typer.Argument(metavar="ID", help="The id of a rule.")]
_By = Annotated[str | None, typer.Option(help="Who wants the change. Default: your user name.")]
_Reason = Annotated[str, typer.Option(help="Why, for the log of changes.")]


@app.command()
def push(
    files: _FILES,
    *,
    by: _By = None,
    reason: _Reason = "",
    config: Config = None,
    broker: Broker = None,
    embedded_broker: Embedded = False,
) -> None:
    """Bring rules in force, with the status that each file says: without one in the shadow.

    A rule that is known needs a higher version. Lists of --config that a rule names are sent with it.

    Example: retail-streamer rules push drawer.yaml --reason "5 openings were too few"
    """
    settings, connection = prepare(config, embedded_broker, broker=broker)
    from retail_anomaly.rules import load_rules

    rules = load_rules(files, lists=settings.rules.lists)
    _write(settings, connection, [_change("push", by, reason, rule=rule) for rule in rules])


def _sets_status(action: "ChangeKind", doc: str) -> None:
    """Add the command that gives a rule another status."""

    def command(
        id: _ID,  # noqa: A002 - its name
        *,
        by: _By = None,
        reason: _Reason = "",
        config: Config = None,
        broker: Broker = None,
        embedded_broker: Embedded = False,
    ) -> None:
        settings, connection = prepare(config, embedded_broker, broker=broker)
        _write(settings, connection, [_change(action, by, reason, name=id)])

    app.command(action, help=doc)(command)


_sets_status(
    "promote",
    """Let a rule raise alerts that people read.

    Example: retail-streamer rules promote drawer_opened
    """,
)
_sets_status(
    "shadow",
    """Send the alerts of a rule to shadow-alerts only.

    Example: retail-streamer rules shadow drawer_opened
    """,
)
_sets_status(
    "off",
    """Switch a rule off. Switched on again, it begins with empty groups.

    Example: retail-streamer rules off drawer_opened --reason "the drawer of till 4 is broken"
    """,
)


@app.command()
def log(
    *,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print each copy with its place, as `replay --rules-log` reads it."),
    ] = False,
    config: Config = None,
    broker: Broker = None,
    embedded_broker: Embedded = False,
) -> None:
    """Print the changes of rules, the oldest first: when, who, which rule, why.

    Example: retail-streamer rules log --json > rules-log.jsonl
    """
    settings, connection = prepare(config, embedded_broker, broker=broker)
    from streamer.kafka.rules_topic import read_changes
    from streamer.kafka.topic_plan import TopicNames

    rows = sorted(
        read_changes(connection, TopicNames.of_settings(settings)), key=lambda r: (r.partition, r.offset)
    )
    if as_json:
        for row in rows:
            sys.stdout.buffer.write(row.line() + b"\n")
        sys.stdout.buffer.flush()
        return
    from streamer.observe.rules_text import change_lines

    for line in change_lines(rows):
        typer.echo(line)


@app.command()
def diff(
    files: _FILES,
    *,
    config: Config = None,
    broker: Broker = None,
    embedded_broker: Embedded = False,
) -> None:
    """Compare rule files with the rules that were pushed, line by line.

    Example: retail-streamer rules diff my-rules/
    """
    settings, connection = prepare(config, embedded_broker, broker=broker)
    from retail_anomaly.rules import load_rules
    from streamer.observe.rules_text import difference

    rules = load_rules(files, lists=settings.rules.lists)
    known = {rule.id: rule for rule in _book(settings, connection).rules()}
    for rule in rules:
        for line in difference(known.get(rule.id), rule):
            typer.echo(line)


def _change(
    action: "ChangeKind", by: str | None, reason: str, *, name: str | None = None, rule: "Rule | None" = None
) -> "RuleChange":
    from retail_anomaly.rules.changes import RuleChange

    return RuleChange(
        action,
        by or _user(),
        time.time_ns() // 1_000_000,
        id=name if rule is None else rule.id,
        rule=None if rule is None else {k: v for k, v in rule.written.items() if k != "examples"},
        reason=reason,
        change_id=uuid4().hex,
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        return "unknown"


def _write(settings: "Settings", connection: "Connection", changes: "Sequence[RuleChange]") -> None:
    from retail_anomaly.core.records import InvalidRecord
    from streamer.errors import StreamerError
    from streamer.kafka.rules_topic import write_changes
    from streamer.kafka.topic_plan import AUDIT, TopicNames

    book = _book(settings, connection)
    said = []
    for change in changes:
        try:
            rule = book.apply(change)
        except InvalidRecord as error:
            advice = "" if change.action == "push" else (
                "; if the streamer's configuration has the rule, name it by --config"
            )  # fmt: skip
            raise StreamerError(f"{error}{advice}; nothing was written") from None
        said.append(f"{rule.id} version {rule.version}: {rule.status}")
    names = TopicNames.of_settings(settings)
    if settings.privacy.audit:
        from msgspec import to_builtins

        from streamer.kafka.audit_topic import AuditTopic

        trail = AuditTopic(connection, names.of(AUDIT))
        for change in changes:
            # First: a change that is not in the trail does not happen.
            trail.append(change.change_id, change.time, "rules", change.by, to_builtins(change))
    count = write_changes(connection, changes, names, max_ahead=settings.max_ahead)
    for line in said:
        typer.echo(f"{line}, written to {count} partitions")


def _book(settings: "Settings", connection: "Connection") -> "RuleBook":
    """Return the rules as the first partition has them once it has read all that is there."""
    from retail_anomaly.core.records import InvalidRecord
    from retail_anomaly.rules.rule_book import RuleBook
    from retail_anomaly.settings import rules_of_settings
    from streamer.kafka.rules_topic import read_changes
    from streamer.kafka.topic_plan import TopicNames

    book = RuleBook(rules_of_settings(settings))
    for row in read_changes(connection, TopicNames.of_settings(settings)):
        if row.partition == 0 and (change := row.change) is not None:
            try:
                book.apply(change)
            except InvalidRecord:
                continue
    return book
