"""Facts about processes, from the kernel."""

from pathlib import Path


def status_mb(name: str, pid: int | str = "self") -> float:
    """Return a memory figure of a process in MB: ``VmRSS`` now, ``VmHWM`` at its peak.

    Not `resource.ru_maxrss`: that of a child starts at its parent's.
    """
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    return float("nan")
