"""Run a command over code that can be replaced: started again on SIGHUP, ended on SIGTERM. For `tilt up`.

The packages are copied from the image into the folder LIVE_CODE, which comes first on the path. Tilt replaces
files there, and the next start runs them. The image itself stays read-only.
"""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

PACKAGES = ("retail_anomaly", "streamer", "data_gen")


def copy_packages(folder: Path) -> None:
    """Copy the installed packages, unless they are there."""
    for name in PACKAGES:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations and not (folder / name).exists():
            # Write no byte code: it would look current for a file that was replaced within the same second.
            source, leave_out = spec.submodule_search_locations[0], shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, folder / name, ignore=leave_out)


def main(command: list[str]) -> int:
    """Run the command until it ends or is to end; return its exit code."""
    folder = Path(os.environ["LIVE_CODE"])
    copy_packages(folder)
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    wishes: list[int] = []
    child: subprocess.Popen[bytes] | None = None

    def wish(number: int, _frame: object) -> None:
        wishes.append(number)
        if child is not None:
            child.terminate()

    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, wish)
    while True:
        wishes.clear()
        child = subprocess.Popen(command, env=environment)
        if wishes:  # a request came during the start
            child.terminate()
        code = child.wait()
        if signal.SIGHUP not in wishes or signal.SIGTERM in wishes:
            return code if code >= 0 else 128 - code  # ended by a signal: the exit code that a shell gives


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
