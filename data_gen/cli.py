"""The command `retail-datagen`."""

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Annotated

import typer
from rich.console import Console

from data_gen.kafka import connect
from data_gen.pace import Pace, RealTime
from data_gen.resume import SentWorld, go_on, newest_sent
from data_gen.simulate import START, Simulation
from data_gen.stream import send_paced
from data_gen.world_options import with_world
from data_gen.writers import FORMATS, write_files
from retail_anomaly.cli.frame import new_app, run_command
from retail_anomaly.core.errors import UsageError
from retail_anomaly.core.events import INPUT_TOPICS
from retail_anomaly.core.quantities import plural
from retail_anomaly.whole_file import NamedFile, write_whole

# Width of the tables where no terminal says how wide it is.
_WIDTH = 120

app = new_app(
    "Simulate stores: honest events, incidents hidden in them, and a list of the incidents to check against."
)


@app.command()
@with_world
def write(
    *,
    simulation: Simulation,
    out: Annotated[Path, typer.Option(help="Folder for the events, incidents.jsonl and faults.jsonl.")],
    layout: Annotated[
        str, typer.Option("--format", help="jsonl: one event log. parquet: one file per topic.")
    ] = FORMATS[0],
) -> None:
    """Write events, and the incidents hidden in them, to files.

    Example: retail-datagen write --stores 20 --days 28 --seed 7 --out out
    """
    if layout not in FORMATS:
        raise UsageError(f"--format: expected one of {', '.join(FORMATS)}, got {layout!r}")
    began = monotonic()
    written = write_files(simulation, out, layout)
    seconds = monotonic() - began
    hidden = {kind: written.pop(f"{kind}s", 0) for kind in ("incident", "distractor", "fault")}
    parts = [plural(number, kind) for kind, number in hidden.items() if number or kind == "incident"]
    typer.echo(
        f"{plural(written.total(), 'event')} and {' and '.join(parts)} of "
        f"{plural(simulation.stores, 'store')} and {plural(simulation.days, 'day')} in {out} "
        f"({seconds:.1f} s)"
    )


@app.command()
@with_world
def world(
    *,
    simulation: Simulation,
    html: Annotated[Path | None, typer.Option(help="Also draw the world to this HTML page.")] = None,
) -> None:
    """Print a world: its stores, its people, the goods they sell and the incidents that happen.

    Example: retail-datagen world --stores 6 --days 28 --seed 7 --html out/world.html
    """
    from data_gen.profile import Profile  # Imported here: the other commands need no figures.

    profile = Profile.of(simulation)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDTH
    for part in profile.tables():
        console.print(part, soft_wrap=isinstance(part, str))
    if html is not None:
        html.parent.mkdir(parents=True, exist_ok=True)
        write_whole(html, profile.figure().to_html())


@app.command()
@with_world
def stream(
    *,
    simulation: Simulation,
    broker: Annotated[str, typer.Option(help="Kafka: host:port, several separated by commas.")],
    rate: Annotated[float, typer.Option(min=0, help="Events per second; 0 means no limit.")] = 0,
    speedup: Annotated[
        float,
        typer.Option(min=0, help="Send event time this many times as fast as real time; 0 means no limit."),
    ] = 0,
    history: Annotated[
        int,
        typer.Option(
            min=0,
            help="Begin this many days before today instead of at --start: send the past at once, and go on "
            "in real time. --days then counts from today (UTC).",
        ),
    ] = 0,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Go on after the newest record that an earlier run has sent to these topics."
        ),
    ] = False,
    incidents: Annotated[Path | None, typer.Option(help="Also write the incidents to this file.")] = None,
    properties: Annotated[
        list[str] | None,
        typer.Option("--property", "-X", help="A librdkafka property, name=value. Repeatable."),
    ] = None,
    topic_prefix: Annotated[
        str,
        typer.Option(
            envvar="RETAIL__STREAMER__TOPIC_PREFIX",
            help="The streamer's setting topic_prefix, which stands before the topics' names.",
        ),
    ] = "",
) -> None:
    """Send the events to the topics of a Kafka, in order of arrival.

    The command fails unless the broker acknowledges every record. The topics must exist: `retail-streamer
    topics` creates them.

    Example: retail-datagen stream --broker localhost:9092 --history 7 --resume
    """
    if sum(map(bool, (rate, speedup, history))) > 1:
        raise UsageError("choose one of --rate, --speedup and --history")
    if history:
        if simulation.start != START:
            raise UsageError("choose one of --start and --history")
        simulation.start = datetime.now(UTC).date() - timedelta(days=history)
        simulation.days += history
    pairs = [text.partition("=") for text in properties or []]
    if not all(name and equals for name, equals, _ in pairs):  # the text may be a password
        raise UsageError("--property: expected name=value, such as -X security.protocol=SSL")
    properties_by_name = {name: value for name, _, value in pairs}
    writer = connect(
        broker,
        properties=properties_by_name,
        paced=bool(rate or speedup or history),
        prefix=topic_prefix,
        in_order=bool(history),
    )
    sent_until = None
    if resume and (sent := newest_sent(broker, properties=properties_by_name, prefix=topic_prefix)):
        go_on(simulation, sent, any_start=bool(history))
        sent_until = sent.until
    writer.headers = [SentWorld.of(simulation).header]

    def say_live() -> None:
        writer.settle()
        past = plural(writer.acknowledged.total(), "event")
        typer.echo(f"{past} of the past sent; each later one is sent at its own time")

    real_time = RealTime(say_live) if history else None
    wait = real_time.wait if real_time else Pace(rate, speedup).wait
    try:
        with ExitStack() as stack:
            truth = None
            if incidents is not None:
                incidents.parent.mkdir(parents=True, exist_ok=True)
                # Written directly and unbuffered, so that you can read the file while the stream runs.
                truth = stack.enter_context(NamedFile(incidents, "wb"))
            send_paced(simulation, writer, wait, truth, sent_until)
        if real_time:
            real_time.end()
    finally:
        # After an error as well: these records are in the topics.
        counts = writer.acknowledged
        for topic in INPUT_TOPICS:
            typer.echo(f"{topic}: {counts[topic]:,}")
    typer.echo(f"{plural(counts.total(), 'event')} sent and acknowledged")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `retail-datagen`; return its exit code: 0 done, 1 failed, 2 not understood.

    Examples
    --------
    >>> main(["--version"])
    retail-datagen ...
    0
    """
    return run_command(app, "retail-datagen", arguments)


if __name__ == "__main__":
    sys.exit(main())
