"""The command `retail-datagen`."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import IO, Annotated, Final

import typer
from rich.console import Console
from rich.progress import Progress

from data_gen.kafka import KafkaError, KafkaWriter, connect
from data_gen.pace import Pace
from data_gen.simulate import INCIDENT_RATE, START, Simulation
from data_gen.world import recorded_at
from data_gen.writers import drain_incidents, write_files
from retail_anomaly.events import INPUT_TOPICS, Event

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    help="Simulate shops with a known truth: honest events, and incidents to be found.",
)

Stores = Annotated[int, typer.Option(min=1, help="Number of stores.")]
Days = Annotated[int, typer.Option(min=1, help="Number of days.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same events, byte for byte.")]
Start = Annotated[
    datetime, typer.Option(formats=["%Y-%m-%d"], help="The first day.", show_default=str(START))
]
TimeZones = Annotated[
    list[str] | None,
    typer.Option("--time-zone", help="IANA name; repeat it and stores take turns. Default: UTC."),
]
Rate = Annotated[
    float,
    typer.Option(
        "--incident-rate",
        min=0,
        max=1,
        help="Chance of each scenario on each store-day; the first has all. 0: no incidents.",
    ),
]
_START: Final = datetime(START.year, START.month, START.day)  # noqa: DTZ001 - only its date counts
# What newer releases of typer return after Ctrl-C; older ones raise Abort.
_INTERRUPTED: Final = 130
# What typer raises for a command line it does not understand; it has no public name.
_USAGE_ERROR: Final[type[Exception]] = typer.BadParameter.__mro__[1]


class _ShownSimulation(Simulation):
    """A simulation that shows on a terminal how far it is."""

    def events(self) -> Iterator[Event]:
        console = Console(stderr=True)
        if not console.is_terminal:
            yield from super().events()
            return
        with Progress(console=console, transient=True) as progress:
            bar = progress.add_task("", total=self.stores * self.days)
            shown = 0.0
            for number, event in enumerate(super().events()):
                if monotonic() - shown > 0.2:
                    shown = monotonic()
                    text = f"{number:,} events"
                    progress.update(bar, completed=self.store_days, description=text)
                yield event


@app.command()
def write(
    *,
    out: Annotated[Path, typer.Option(help="Folder for events.jsonl and incidents.jsonl.")],
    stores: Stores = 3,
    days: Days = 1,
    seed: Seed = 7,
    start: Start = _START,
    time_zone: TimeZones = None,
    incident_rate: Rate = INCIDENT_RATE,
) -> None:
    """Write an event log and the incidents hidden in it.

    Example: retail-datagen write --stores 3 --days 7 --seed 7 --out out
    """
    simulation = _simulation(stores, days, seed, start, time_zone, incident_rate)
    began = monotonic()
    written = write_files(simulation, out)
    incidents = written.pop("incidents", 0)
    seconds = monotonic() - began
    typer.echo(
        f"{written.total():,} events and {incidents} incidents of {stores} stores and {days} days"
        f" in {out} ({seconds:.1f} s)"
    )


@app.command()
def stream(
    *,
    broker: Annotated[str, typer.Option(help="Kafka: host:port, several separated by commas.")],
    stores: Stores = 3,
    days: Days = 1,
    seed: Seed = 7,
    start: Start = _START,
    time_zone: TimeZones = None,
    incident_rate: Rate = INCIDENT_RATE,
    rate: Annotated[float, typer.Option(min=0, help="Events a second; 0: no limit.")] = 0,
    speedup: Annotated[
        float, typer.Option(min=0, help="Event time this many times as fast; 0: no limit.")
    ] = 0,
    incidents: Annotated[Path | None, typer.Option(help="Write the incidents to this file.")] = None,
    properties: Annotated[
        list[str] | None,
        typer.Option("--property", "-X", help="A librdkafka property, name=value; repeatable."),
    ] = None,
) -> None:
    """Send the events to Kafka's four topics, in order of time.

    Every record is acknowledged by the broker, or the command fails. The topics must be there;
    `retail-streamer topics` makes them.

    Example: retail-datagen stream --broker localhost:9092 --rate 500 --incidents out/incidents.jsonl
    """
    if rate and speedup:
        raise typer.BadParameter("choose one of --rate and --speedup")
    simulation = _simulation(stores, days, seed, start, time_zone, incident_rate)
    pairs = [text.partition("=") for text in properties or []]
    if bad := [name for name, equals, _ in pairs if not (name and equals)]:
        raise typer.BadParameter(f"--property: expected name=value, got {bad[0]!r}")
    paced = bool(rate or speedup)
    writer = connect(broker, properties={name: value for name, _, value in pairs}, paced=paced)
    try:
        with ExitStack() as stack:
            truth = None
            if incidents is not None:
                incidents.parent.mkdir(parents=True, exist_ok=True)
                # In place and unbuffered: a long stream's truth can be read while it runs.
                truth = stack.enter_context(incidents.open("wb", buffering=0))
            _send(simulation, writer, Pace(rate, speedup), truth)
    finally:
        # Also after an error: what the broker has, it has.
        counts = writer.acknowledged
        for topic in INPUT_TOPICS:
            typer.echo(f"{topic}: {counts[topic]:,}")
    typer.echo(f"{counts.total():,} events sent and acknowledged")


def _send(simulation: Simulation, writer: KafkaWriter, pace: Pace, truth: IO[bytes] | None) -> None:
    try:
        for event in simulation.events():
            if truth is not None:
                drain_incidents(simulation.incidents, truth)
            else:
                simulation.incidents.clear()
            wait = pace.wait(recorded_at(event))
            until = monotonic() + wait
            while wait > 0:
                writer.serve(wait)
                wait = until - monotonic()
            writer.send(event)
        if truth is not None:
            drain_incidents(simulation.incidents, truth)
    except KeyboardInterrupt:
        writer.close()  # Stopped by the user: what is under way still arrives and is counted.
        raise
    writer.close()


def _simulation(
    stores: int,
    days: int,
    seed: int,
    start: datetime,
    time_zones: list[str] | None,
    incident_rate: float,
) -> Simulation:
    try:
        return _ShownSimulation(
            stores=stores,
            days=days,
            seed=seed,
            start=start.date(),
            time_zones=time_zones or ["UTC"],
            incident_rate=incident_rate,
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code: 0 done, 1 failed, 2 not understood.

    Examples
    --------
    >>> main(["write", "--stores", "0", "--out", "unused"])
    2
    """
    try:
        result = app(args=arguments, prog_name="retail-datagen", standalone_mode=False)
    except _USAGE_ERROR as error:
        return _fail(f"{_text(error)} (see retail-datagen --help)", 2)
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "confluent_kafka":
            raise
        return _fail("streaming needs Kafka's client: pip install 'retail-anomaly[streamer]'", 1)
    except KafkaError as error:
        return _fail(str(error), 1)
    except OSError as error:
        return _fail(f"cannot write {error.filename or 'output'}: {error.strerror}", 1)
    except (typer.Abort, KeyboardInterrupt):
        result = _INTERRUPTED
    if result == _INTERRUPTED:
        return _fail("stopped before the end", 1)
    return result if isinstance(result, int) else 0


def _text(error: Exception) -> str:
    text = error.format_message() if hasattr(error, "format_message") else str(error)
    return " ".join(text.split()).removesuffix(".")


def _fail(message: str, code: int) -> int:
    typer.echo(f"retail-datagen: {message}", err=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
