"""The command `retail-anomaly demo`."""

import shutil
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from retail_anomaly.cli.demo.processes import ProcessError, Processes
from retail_anomaly.core.credentials import KAFKA_CREDENTIALS, has_credentials
from retail_anomaly.core.errors import RetailAnomalyError, UsageError
from retail_anomaly.core.extras import require
from retail_anomaly.replay.interrupts import Interrupts


def demo(
    *,
    seed: Annotated[int, typer.Option(help="Seed of the simulation. The same seed gives the same day.")] = 7,
    stores: Annotated[int, typer.Option(min=1, max=100, help="Number of stores.")] = 3,
    seconds: Annotated[float, typer.Option(min=1, help="Seconds in which the day is sent.")] = 10,
    broker: Annotated[
        str | None,
        typer.Option(
            help="A Kafka for tests, host:port, instead of the embedded broker. The simulated events and the "
            "consumer group of this run stay in it."
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option(help="Folder for the events, the incidents, the alerts and the report.")
    ] = Path("out"),
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the streamer's state and the logs of all processes.")
    ] = False,
    review: Annotated[
        bool, typer.Option(help="In a terminal, end with the board on which people judge cases.")
    ] = True,
) -> None:
    """Simulate a day and watch the streamer find its incidents.

    The demo starts an embedded broker, the streamer and the simulator, each as a process. It shows the alerts
    as they arrive and ends with a summary and an HTML report. The exit code is 1 if an event was lost or an
    injected incident was not found. In a terminal the board of `retail-anomaly review` opens at the end, and
    stays until you press Ctrl-C.

    Example: retail-anomaly demo --seed 7 --stores 3
    """
    if broker and has_credentials(broker):
        raise UsageError(f"--broker: {KAFKA_CREDENTIALS}")
    require("quixstreams")
    from rich.console import Console

    from retail_anomaly.cli.demo.outcome import (
        ACTIONS_FILE,
        ALERTS_FILE,
        EVENTS_FILE,
        moved_aside,
        write_outcome,
    )
    from retail_anomaly.cli.demo.screen import Screen
    from retail_anomaly.cli.demo.simulated_day import DemoPlan, run_day

    screen = Screen(Console())
    with Interrupts() as interrupts:
        folder = Path(tempfile.mkdtemp(prefix="retail-anomaly-demo-"))
        try:
            output.mkdir(parents=True, exist_ok=True)
            with Processes(folder, interrupts) as processes:
                outcome = run_day(DemoPlan(seed, stores, seconds, broker, output, folder), processes, screen)
            for part in write_outcome(outcome, output):
                screen.console.print(part, highlight=False, soft_wrap=True)
            if wrong := outcome.failures():
                raise RetailAnomalyError(f"the demo failed: {'; '.join(wrong)}")
        except ProcessError as error:
            hint = "" if keep else " (--keep keeps the logs)"
            raise RetailAnomalyError(f"the demo failed: {error}{hint}") from None
        except OSError as error:
            raise RetailAnomalyError(f"cannot write {error.filename or output}: {error.strerror}") from None
        except KeyboardInterrupt:
            raise RetailAnomalyError("the demo was stopped; its processes have ended") from None
        finally:
            with interrupts.held():
                if keep:
                    screen.say(f"State and logs are kept in {folder}")
                else:
                    shutil.rmtree(folder, ignore_errors=True)
    if review and sys.stdout.isatty() and find_spec("uvicorn") is not None:
        from retail_anomaly.cli.review.command import Log, files_of, serve_board

        # The decisions on an earlier demo's alerts would be about other cases.
        actions = output / ACTIONS_FILE
        if aside := moved_aside(actions):
            screen.say(f"The decisions of the run before are kept in {aside}")
        log = Log(str(output / EVENTS_FILE))
        serve_board(files_of(output / ALERTS_FILE, actions), str(actions), receipts=log)
