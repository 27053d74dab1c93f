"""The command `retail-anomaly demo`."""

import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from retail_anomaly.demo.interrupts import Interrupts
from retail_anomaly.demo.processes import ProcessError, Processes


def demo(
    *,
    seed: Annotated[int, typer.Option(help="The same seed gives the same day.")] = 7,
    stores: Annotated[int, typer.Option(min=1, max=100, help="Number of stores.")] = 3,
    seconds: Annotated[float, typer.Option(min=1, help="How long the day takes to be sent.")] = 10,
    broker: Annotated[
        str | None,
        typer.Option(
            help="A real Kafka for tests, host:port, in place of the embedded broker. The simulated "
            "events stay in its topics, as does a consumer group of this run's own."
        ),
    ] = None,
    output: Annotated[Path, typer.Option(help="Folder for events, incidents, alerts and the report.")] = Path(
        "out"
    ),
    keep: Annotated[bool, typer.Option("--keep", help="Keep the streamer's state and all logs.")] = False,
) -> int:
    """Simulate a day in some stores and watch the streamer find what is wrong with it.

    Starts an embedded broker, the streamer and the generator as processes of their own, shows the
    alerts as they come, and ends with a summary and an HTML report. Exit code 1 when an event was
    lost or an injected incident was not found.

    Example: retail-anomaly demo --seed 7 --stores 3
    """
    # Here, for they take longer to import than the other commands to run.
    from rich.console import Console

    from retail_anomaly.demo.course import DemoPlan, run
    from retail_anomaly.demo.outcome import write_outcome
    from retail_anomaly.demo.screen import Screen

    if find_spec("quixstreams") is None:
        return _fail("the demo needs the streamer: pip install 'retail-anomaly[streamer]'")
    screen = Screen(Console())
    with Interrupts() as interrupts:
        folder = Path(tempfile.mkdtemp(prefix="retail-anomaly-demo-"))
        try:
            output.mkdir(parents=True, exist_ok=True)
            with Processes(folder, interrupts) as processes:
                outcome = run(DemoPlan(seed, stores, seconds, broker, output, folder), processes, screen)
            for part in write_outcome(outcome, output):
                screen.console.print(part, highlight=False, soft_wrap=True)
            wrong = outcome.failures()
            return _fail(f"the demo failed: {'; '.join(wrong)}") if wrong else 0
        except ProcessError as error:
            hint = "" if keep else " (--keep keeps the logs)"
            return _fail(f"the demo failed: {error}{hint}")
        except OSError as error:
            return _fail(f"cannot write {error.filename or output}: {error.strerror}")
        except KeyboardInterrupt:
            return _fail("the demo was stopped; its processes have ended")
        finally:
            with interrupts.held():
                if keep:
                    screen.say(f"State and logs are kept in {folder}")
                else:
                    shutil.rmtree(folder, ignore_errors=True)


def _fail(message: str) -> int:
    typer.echo(f"retail-anomaly: {message}", err=True)
    return 1
