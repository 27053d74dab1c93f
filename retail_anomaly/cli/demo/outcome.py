"""The end of the demo: the checks, the files and the summary."""

import shlex
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Final, NamedTuple

import pandas as pd
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.codec import encode
from retail_anomaly.core.quantities import plural
from retail_anomaly.evaluate import match_incidents, refund_cover
from retail_anomaly.frames.alerts import alerts_frame
from retail_anomaly.frames.quality import data_quality
from retail_anomaly.plots import pos_frame
from retail_anomaly.plots.style import type_counts_text
from retail_anomaly.report.alerts_page import write_report
from retail_anomaly.sources.event_log import BadLines, read_log
from retail_anomaly.whole_file import write_whole

EVENTS_FILE: Final = "events.jsonl"
INCIDENTS_FILE: Final = "incidents.jsonl"
ALERTS_FILE: Final = "alerts.jsonl"
ACTIONS_FILE: Final = "alerts.actions.jsonl"
REPORT_FILE: Final = "report.html"


class DemoOutcome(NamedTuple):
    """The counts of each part of a run.

    Parameters
    ----------
    sent
        Events that the broker acknowledged, by topic; the simulator counts them.
    processed, dead_letters, raised
        Records taken from each topic, records that could not be read, and alerts by type; the streamer counts
        them. alerts The alerts that were read from their topic. incidents The injected incidents, as
        `read_incidents` returns them. seconds Duration of the run.
    """

    sent: Mapping[str, int]
    processed: Mapping[str, int]
    dead_letters: int
    raised: Mapping[str, int]
    alerts: Sequence[Alert]
    incidents: pd.DataFrame
    seconds: float

    @property
    def matched(self) -> pd.DataFrame:
        """The incidents with the alerts that found them. Distractors are left out: nothing is wrong there."""
        return match_incidents(alerts_frame(self.alerts), self.incidents).query("not distractor")

    def failures(self) -> list[str]:
        """Return the failures in words; an empty list if all counts agree and every incident was found."""
        wrong = []
        if not sum(self.sent.values()):
            wrong.append("nothing was sent")
        for topic, sent in self.sent.items():
            if (processed := self.processed.get(topic, 0)) != sent:
                wrong.append(f"{sent:,} events were sent to {topic}, {processed:,} processed")
        if self.dead_letters:
            wrong.append(f"{plural(self.dead_letters, 'event')} could not be read")
        arrived = Counter(alert.type for alert in self.alerts)
        wrong += [
            f"{self.raised.get(name, 0):,} alerts {name} were raised, {arrived[name]:,} arrived"
            for name in sorted({*arrived, *self.raised})
            if arrived[name] != self.raised.get(name, 0)
        ]
        if self.incidents.empty:
            wrong.append("no incident was injected")
        missed = self.matched.query("not found")["incident_id"]
        if len(missed):
            wrong.append(f"{plural(len(missed), 'incident')} not found: {', '.join(missed[:5])}")
        return wrong


def write_outcome(outcome: DemoOutcome, folder: Path) -> Iterator[RenderableType]:
    """Write the alerts and the report, and yield the summary.

    Parameters
    ----------
    outcome
        The counts of the run.
    folder
        Holds the events and incidents of the run; alerts and report are written into it.

    Yields
    ------
    rich.console.RenderableType
        The parts to print.
    """
    alerts = sorted(outcome.alerts, key=lambda alert: (alert.event_time, *alert.key))
    write_whole(folder / ALERTS_FILE, b"".join(encode(alert) + b"\n" for alert in alerts))
    frame = alerts_frame(alerts)
    with (folder / EVENTS_FILE).open("rb") as lines:
        events = pos_frame(read_log(lines, EVENTS_FILE, BadLines()))
    processed = sum(outcome.processed.values())
    write_report(
        frame,
        folder / REPORT_FILE,
        incidents=outcome.incidents,
        events=events,
        quality=data_quality(folder / EVENTS_FILE),
        refunds=refund_cover(folder / EVENTS_FILE),
        facts={"Events processed": f"{processed:,}"},
        title="What the streamer saw in a simulated day",
    )
    yield ""
    sent = sum(outcome.sent.values())
    letters = plural(outcome.dead_letters, "dead letter")
    counts = f"{plural(sent, 'event')} sent, {processed:,} processed"
    yield f"[bold]{counts}[/], {letters}, in {outcome.seconds:.0f} s"
    types = frame.drop_duplicates("alert_id")["type"]
    by_type = type_counts_text(types)
    yield f"[bold]{plural(len(types), 'alert')}[/]: {escape(by_type) or 'none'}"
    matched = outcome.matched
    about = {alert_id for alert_ids in matched["alert_ids"] for alert_id in alert_ids}
    others = plural(len(types) - len(about), "alert")
    found = f"[bold]{matched['found'].sum()} of {plural(len(matched), 'injected incident')} found[/]"
    yield f"{found}; {others} about something else: honest trade makes mistakes too"
    yield _incidents(matched)
    names = (REPORT_FILE, ALERTS_FILE, EVENTS_FILE, INCIDENTS_FILE)
    yield f"Written: {', '.join(escape(str(folder / name)) for name in names)}"
    yield f"Look at {escape(str(folder / REPORT_FILE))} in a browser, read the alerts as cases:"
    yield f"  {escape(review_command(folder))}"
    yield "or replay the same day:"
    yield f"  {escape(replay_command(folder))}"


def moved_aside(path: Path) -> Path | None:
    """Move a file of an earlier run to the first number that is free: `alerts.actions.1.jsonl`.

    Returns
    -------
    pathlib.Path or None
        Its new place; None if there was no file, or nothing in it.
    """
    if not path.exists() or not path.stat().st_size:
        return None
    aside = next(
        place for n in count(1) if not (place := path.with_name(f"{path.stem}.{n}{path.suffix}")).exists()
    )
    return path.rename(aside)


def replay_command(folder: Path) -> str:
    """Return a command that replays the simulated day, as you can paste it into the shell."""
    return _command("replay", str(folder / EVENTS_FILE), "--output", "replayed.jsonl")


def review_command(folder: Path) -> str:
    """Return a command that opens the board, as you can paste it into the shell."""
    return _command("review", str(folder / ALERTS_FILE), "--events", str(folder / EVENTS_FILE))


def _command(*arguments: str) -> str:
    # `make demo` installs into a virtual environment that the shell does not know: then the command has the
    # path of the program.
    name = "retail-anomaly"
    program = name if shutil.which(name) else str(Path(sys.executable).with_name(name))
    return shlex.join([program, *arguments])


def _incidents(matched: pd.DataFrame) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("Scenario", "Injected", "Found"):
        table.add_column(heading, justify="left" if heading == "Scenario" else "right")
    for name, group in matched.groupby("scenario", sort=False):
        found = int(group["found"].sum())
        style = None if found == len(group) else "bold red"
        table.add_row(escape(str(name)), f"{len(group)}", f"{found}", style=style)
    return table
