"""What a node takes from this machine while it runs, and gives back: a bridge, settings, control groups."""

from __future__ import annotations

import os
import random
import time
from contextlib import suppress
from pathlib import Path

from tests.deploy import tools

GROUPS = Path("/sys/fs/cgroup")
# A kubelet sets them, whoever uses the machine otherwise.
SETTINGS = (
    *("vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops"),
    *("kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes"),
)
PATIENCE_S = 30


class Machine:
    """A bridge of its own for the pods, and the names by which they find it.

    The addresses are from those that are kept for measurements, so no network of yours has them.
    """

    def __init__(self) -> None:
        number = random.SystemRandom().randrange(1, 250)
        self.name = f"retailtests{number}"
        self.subnet = f"198.18.{number}.0/24"
        self.address = f"198.18.{number}.1"
        self._settings: dict[Path, str] = {}

    def take(self) -> None:
        """Make the bridge, and remember the settings."""
        for name in SETTINGS:
            path = Path("/proc/sys") / name
            with suppress(OSError):
                self._settings[path] = path.read_text()
        _ip("link", "add", self.name, "type", "bridge")
        _ip("address", "add", f"{self.address}/24", "dev", self.name)
        _ip("link", "set", self.name, "up")

    def give_back(self) -> None:
        """Remove the bridge and the control groups, and set what was set before."""
        with suppress(tools.ToolUnavailableError):
            _ip("link", "delete", self.name)
        for path, value in self._settings.items():
            if path.read_text() != value:
                path.write_text(value)
        for root in [GROUPS / self.name, *GROUPS.glob(f"*/{self.name}")]:
            _remove(root)


def _ip(*arguments: str) -> None:
    tools.run([str(tools.installed("ip", "iproute2")), *arguments])


def _remove(root: Path) -> None:
    """Remove a control group and those below; their last processes may be ending still."""
    deadline = time.monotonic() + PATIENCE_S
    while root.is_dir():
        for folder, _, _ in os.walk(root, topdown=False):
            with suppress(OSError):
                Path(folder).rmdir()
        assert time.monotonic() < deadline, f"{root} is in use still"
        time.sleep(0.05)
