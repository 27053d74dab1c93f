"""Run our commands as if some packages were not installed: ``python -m tests.support.base_install PACKAGES``.

`PACKAGES` are names of modules, separated by commas. Standard input has one command line per line, as JSON.
Each runs in a fork, so that the imports of one are not there for the next, and answers with one line of JSON.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
FEW = 2


class Answer(NamedTuple):
    """The outcome of one command."""

    code: int
    out: str
    err: str


def run_without(modules: Sequence[str], commands: Sequence[Sequence[str]], folder: Path) -> list[Answer]:
    """Run commands one after the other in a folder, in an interpreter that can't import these modules."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", __name__, ",".join(modules)],
        input="".join(json.dumps(command) + "\n" for command in commands),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return [Answer(*json.loads(line)) for line in done.stdout.splitlines()]


def _run(command: Sequence[str]) -> Answer:
    out, err = Path("command.out"), Path("command.err")
    sys.stdout.flush()
    if not (child := os.fork()):
        for path, number in ((out, 1), (err, 2)):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        code = 70
        try:
            code = _mains()[command[0]](command[1:])
        except BaseException:  # noqa: BLE001 - the test sees the traceback of whatever happened
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return Answer(code, out.read_text("utf-8"), err.read_text("utf-8"))


def _mains():
    from data_gen.cli import main as datagen
    from retail_anomaly.cli import main as anomaly
    from streamer.cli import main as streamer

    return {"retail-anomaly": anomaly, "retail-streamer": streamer, "retail-datagen": datagen}


if __name__ == "__main__":
    for hidden in sys.argv[1].split(","):
        sys.modules[hidden] = None  # type: ignore[assignment]
    commands = [json.loads(line) for line in sys.stdin]
    # Imported once for all forks: these belong to a base install. For a few commands it does not pay.
    if len(commands) > FEW:
        for name in (
            *("pandas", "plotly.graph_objects", "retail_anomaly.plots", "retail_anomaly.cli.commands"),
            *("streamer.cli.commands", "data_gen.cli"),
        ):
            importlib.import_module(name)
    for command in commands:
        print(json.dumps(_run(command)), flush=True)
