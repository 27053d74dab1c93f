"""The commands `retail-streamer audit ...` and `retail-streamer reveal ...`."""

import getpass
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import msgspec
import typer

from retail_anomaly.cases.audit import AuditFile, Disclosure, candidates_in
from retail_anomaly.cases.audit import verify as verified
from retail_anomaly.core.errors import UsageError
from retail_anomaly.settings import load, pseudonyms_of
from streamer.cli.options import Broker, Config, Embedded, prepare
from streamer.kafka.connection import with_quix_names

if TYPE_CHECKING:
    from streamer.kafka.audit_topic import AuditTopic

audit_app = typer.Typer(rich_markup_mode=None, help="Check the audit trail, and print it.")
reveal_app = typer.Typer(
    rich_markup_mode=None,
    help="Turn a pseudonym back: a first person asks, a second one is shown who it is.",
)

_File = Annotated[
    Path | None, typer.Option("--file", help="An audit trail in a file, in place of the topic retail-audit.")
]
_By = Annotated[str | None, typer.Option(help="Who you are. Default: your user name.")]


@audit_app.command()
def verify(
    *,
    head: Annotated[
        str | None, typer.Option(help="A head that this command printed before: it must still be there.")
    ] = None,
    file: _File = None,
    config: Config = None,
    broker: Broker = None,
    embedded_broker: Embedded = False,
) -> int:
    """Check that no record of the audit trail was removed, changed or put in another order.

    Exits with 1 if one was. Keep the head that it prints elsewhere: with --head a trail whose end was cut
    off shows too.

    Example: retail-streamer audit verify --broker localhost:9092
    """
    if file is not None and not file.exists():
        raise UsageError(f"{file}: no such file: a trail that is not there can't be verified")
    found = verified(_log(file, config, broker, embedded_broker).values(), head)
    for fault in found.faults:
        typer.echo(str(fault))
    typer.echo(f"{len(found.records)} records, {len(found.faults)} faults, head {found.head or 'none'}")
    return 1 if found.faults else 0


@audit_app.command()
def log(
    *,
    file: _File = None,
    config: Config = None,
    broker: Broker = None,
    embedded_broker: Embedded = False,
) -> None:
    """Print the records of the audit trail as JSON lines, the oldest first.

    Example: retail-streamer audit log > audit.jsonl
    """
    for record in _log(file, config, broker, embedded_broker).read().records:
        sys.stdout.buffer.write(msgspec.json.encode(record) + b"\n")
    sys.stdout.buffer.flush()


@reveal_app.command()
def request(
    pseudonym: Annotated[str, typer.Argument(help="The pseudonym, such as E-7f3k9mq2x4hd.")],
    *,
    reason: Annotated[str, typer.Option(help="Why the person must be known, such as the case's number.")],
    by: _By = None,
    file: _File = None,
    config: Config = None,
    broker: Broker = None,
    embedded_broker: Embedded = False,
) -> None:
    """Ask who a pseudonym is; prints the number of the request, for the second person.

    Example: retail-streamer reveal request E-7f3k9mq2x4hd --reason "case 81: talk with the works council"
    """
    made = Disclosure(_log(file, config, broker, embedded_broker)).request(
        uuid4().hex, _now(), by or _user(), pseudonym, reason
    )
    typer.echo(made.record_id)


@reveal_app.command()
def show(
    request: Annotated[str, typer.Argument(help="The number of the request.")],
    *,
    candidates: Annotated[
        Path, typer.Option(help="The ids of the employees whom it may be: one a line, or the first column.")
    ],
    by: _By = None,
    file: _File = None,
    config: Config = None,
    broker: Broker = None,
    embedded_broker: Embedded = False,
) -> int:
    """Show who a pseudonym is, as the second person; the audit trail has it before you do.

    The keys of the pseudonyms are in the environment, as for `run`. Exits with 1 if none of the candidates
    is it.

    Example: retail-streamer reveal show 4f1c... --candidates staff.csv
    """
    names = pseudonyms_of(load(config, environ=with_quix_names(os.environ)).settings.privacy)
    if names is None:
        raise UsageError("privacy.pseudonyms is none: there is nothing to turn back; name --config")
    ids = candidates_in(candidates)
    found = Disclosure(_log(file, config, broker, embedded_broker)).show(
        uuid4().hex, _now(), by or _user(), request, names, ids
    )
    for each in dict.fromkeys(found):
        typer.echo(each)
    if not found:
        typer.echo(f"none of the {len(ids)} candidates", err=True)
    return 0 if found else 1


def _log(
    file: Path | None, config: Path | None, broker: str | None, embedded: bool
) -> "AuditFile | AuditTopic":
    if file is not None:
        return AuditFile(file)
    settings, connection = prepare(config, embedded, broker=broker)
    from streamer.kafka.audit_topic import AuditTopic
    from streamer.kafka.topic_plan import AUDIT, TopicNames

    return AuditTopic(connection, TopicNames.of_settings(settings).of(AUDIT))


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        raise UsageError("--by: this user has no name: say who you are") from None


def _now() -> int:
    return time.time_ns() // 1_000_000
