"""Files that take long to make: made once into `.cache`, and found there from then on."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable
from pathlib import Path

CACHE = Path(__file__).parents[2] / ".cache"


def once(name: str, file: str, make: Callable[[Path], None], cache: Path = CACHE) -> Path:
    """Return a file in a folder of the cache that is made the first time; parallel runs make it once."""
    folder = cache / name
    stamp = folder / ".complete"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists():
            # In place: the scripts of an environment name the folder they were made in.
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            stamp.touch()
    return folder / file
