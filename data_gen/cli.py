"""The command `retail-datagen`."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from functools import wraps
from inspect import Signature
from inspect import signature as signature_of
from pathlib import Path
from signal import SIGINT, signal
from time import monotonic
from typing import IO, Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import Progress

from data_gen.faults import Faults
from data_gen.kafka import BrokerError, KafkaWriter, connect
from data_gen.pace import Pace
from data_gen.records import SimulatedRecord
from data_gen.scenarios import SCENARIOS, scenario_from
from data_gen.simulate import INCIDENT_RATE, START, STORE_VOLUMES, Simulation
from data_gen.world import VOLUMES
from data_gen.writers import FORMATS, drain, write_files
from retail_anomaly.core.events import INPUT_TOPICS

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    help="Simulate shops with a known truth: honest events, and incidents to be found.",
)

# --- The world, for every command ---
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
Volumes = Annotated[
    list[str] | None,
    typer.Option(
        "--volume",
        help=f"Size of a store: {', '.join(VOLUMES)}; repeat it and stores take turns."
        f" Default: {', '.join(STORE_VOLUMES)}.",
    ),
]
Rate = Annotated[
    float,
    typer.Option(
        "--incident-rate",
        help="Chance that a scenario begins on a store-day, 0 to 1; the first day has all. 0: no incidents.",
    ),
]
DistractorRate = Annotated[float, typer.Option(help="The same for what is honest and only looks unusual.")]
Scenarios = Annotated[
    list[str] | None,
    typer.Option(
        "--scenario",
        help="Only this one, with its strength if need be: refund_burst:most=8,rate=2; repeatable.",
    ),
]
Earlier = Annotated[
    bool,
    typer.Option("--earlier-sales", help="Customers also bring back what was bought before the first day."),
]
# --- Faults in the data ---
Late = Annotated[float, typer.Option(help="Share of events that arrive late, out of order.")]
Duplicates = Annotated[float, typer.Option(help="Share of events that arrive twice, with one eventId.")]
Malformed = Annotated[float, typer.Option(help="Share of records that can't be read.")]
Skew = Annotated[float, typer.Option(help="Share of stores with a till whose clock is wrong.")]
_START: Final = datetime(START.year, START.month, START.day)  # noqa: DTZ001 - only its date counts
# What newer releases of typer return after Ctrl-C; older ones raise Abort.
_INTERRUPTED: Final = 130
# What typer raises for a command line it does not understand; it has no public name.
_USAGE_ERROR: Final[type[Exception]] = typer.BadParameter.__mro__[1]


class _ShownSimulation(Simulation):
    """A simulation that shows on a terminal how far it is."""

    def records(self) -> Iterator[SimulatedRecord]:
        console = Console(stderr=True)
        if not console.is_terminal:
            yield from super().records()
            return
        with Progress(console=console, transient=True) as progress:
            bar = progress.add_task("", total=self.stores * self.days)
            shown = 0.0
            for number, record in enumerate(super().records()):
                if monotonic() - shown > 0.2:
                    shown = monotonic()
                    text = f"{number:,} events"
                    progress.update(bar, completed=self.store_days, description=text)
                yield record


def _simulation(
    *,
    stores: Stores = 3,
    days: Days = 1,
    seed: Seed = 7,
    start: Start = _START,
    time_zone: TimeZones = None,
    volume: Volumes = None,
    incident_rate: Rate = INCIDENT_RATE,
    distractor_rate: DistractorRate = INCIDENT_RATE,
    scenario: Scenarios = None,
    earlier_sales: Earlier = False,
    late: Late = 0,
    duplicates: Duplicates = 0,
    malformed: Malformed = 0,
    clock_skew: Skew = 0,
) -> Simulation:
    """Make the simulation of these options, which every command has."""
    try:
        return _ShownSimulation(
            stores=stores,
            days=days,
            seed=seed,
            start=start.date(),
            time_zones=time_zone or ["UTC"],
            volumes=volume or STORE_VOLUMES,
            incident_rate=incident_rate,
            distractor_rate=distractor_rate,
            scenarios=list(map(scenario_from, scenario)) if scenario else list(SCENARIOS.values()),
            earlier=earlier_sales,
            faults=Faults(late=late, duplicates=duplicates, malformed=malformed, skew=clock_skew),
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _with_world(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of `_simulation`; it gets what they make as `simulation`."""
    world = signature_of(_simulation).parameters
    own = [option for option in signature_of(command).parameters.values() if option.name != "simulation"]

    @wraps(command)
    def run(**options: Any) -> None:
        simulation = _simulation(**{name: options.pop(name) for name in world})
        command(simulation=simulation, **options)

    together = [*own, *world.values()]
    run.__signature__ = Signature(together)  # type: ignore[attr-defined]
    run.__annotations__ = {option.name: option.annotation for option in together}
    return run


@app.command()
@_with_world
def write(
    *,
    simulation: Simulation,
    out: Annotated[Path, typer.Option(help="Folder for the events, incidents.jsonl and faults.jsonl.")],
    layout: Annotated[
        str, typer.Option("--format", help="jsonl: one event log. parquet: a file of each topic.")
    ] = FORMATS[0],
) -> None:
    """Write events and the incidents hidden in them.

    Example: retail-datagen write --stores 20 --days 28 --seed 7 --out out
    """
    if layout not in FORMATS:
        raise typer.BadParameter(f"--format: expected one of {', '.join(FORMATS)}, got {layout!r}")
    began = monotonic()
    written = write_files(simulation, out, layout)
    seconds = monotonic() - began
    hidden = {kind: written.pop(kind, 0) for kind in ("incidents", "distractors", "faults")}
    parts = [f"{hidden.pop('incidents')} incidents", *(f"{n:,} {kind}" for kind, n in hidden.items() if n)]
    typer.echo(
        f"{written.total():,} events and {' and '.join(parts)} of {simulation.stores} stores and"
        f" {simulation.days} days in {out} ({seconds:.1f} s)"
    )


@app.command()
@_with_world
def world(
    *,
    simulation: Simulation,
    html: Annotated[Path | None, typer.Option(help="Draw the profile of the world to this page.")] = None,
) -> None:
    """Print what a world is: its stores, its people, what they sell, and what happens there.

    Example: retail-datagen world --stores 6 --days 28 --seed 7 --html out/world.html
    """
    from data_gen.profile import Profile  # Here: writing events needs no figures.

    profile = Profile.of(simulation)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 120  # A file has no edge.
    for part in profile.tables():
        console.print(part, soft_wrap=isinstance(part, str))
    if html is not None:
        html.parent.mkdir(parents=True, exist_ok=True)
        profile.figure().write_html(html)


@app.command()
@_with_world
def stream(
    *,
    simulation: Simulation,
    broker: Annotated[str, typer.Option(help="Kafka: host:port, several separated by commas.")],
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
    """Send the events to Kafka's four topics, in order of arrival.

    Every record is acknowledged by the broker, or the command fails. The topics must be there;
    `retail-streamer topics` makes them.

    Example: retail-datagen stream --broker localhost:9092 --rate 500 --incidents out/incidents.jsonl
    """
    if rate and speedup:
        raise typer.BadParameter("choose one of --rate and --speedup")
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
    # Noted and not raised: an exception within a delivery report would lose the report.
    stopped = threading.Event()
    before = signal(SIGINT, lambda *_: stopped.set())
    try:
        for record in simulation.records():
            _note(simulation, truth)
            until = monotonic() + pace.wait(record.arrival)
            while (wait := until - monotonic()) > 0 and not stopped.is_set():
                writer.serve(min(wait, 0.2))
            if stopped.is_set():
                break
            writer.send(record)
        writer.close()  # What is under way still arrives and is counted, also when stopped by the user.
        _note(simulation, truth)
    finally:
        signal(SIGINT, before)
    if stopped.is_set():
        raise KeyboardInterrupt


def _note(simulation: Simulation, truth: IO[bytes] | None) -> None:
    if truth is not None:
        drain(simulation.incidents, truth)
    simulation.incidents.clear()
    simulation.faults_made.clear()


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
    except BrokerError as error:
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
