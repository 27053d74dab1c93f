"""The disk of the local state fills up."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.faults import LONG, Scene, log, variants


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of a few megabytes where the process "a" keeps its state."""
    folder = tmp_path / "a" / "state"
    folder.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", "size=256m", "none", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no permission to mount a small disk: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@variants("guarantee", ["--at-least-once"], ["--at-least-once", "--exactly-once"])
def test_a_full_disk_ends_the_streamer_and_after_making_room_nothing_is_missing(
    small_disk: Path, scene: Callable[..., Scene], guarantee: str
) -> None:
    here = scene(guarantee)
    ballast = small_disk / "ballast"
    with here.held(f"processed:{len(log()) // 2}") as streamer:
        _fill(ballast)
    assert streamer.wait_until_ended() == 1
    said = streamer.last_word()
    assert said["level"] == "error"
    assert "No space left on device" in said["event"]

    if LONG:  # half a minute, for RocksDB's host takes it for a lock that will go away
        again = here.start()
        assert again.wait_until_ended() == 1
        assert "disk" in again.last_word()["event"]

    ballast.unlink()
    here.start()
    here.finish()

    assert here.restarts == 0


def _fill(ballast: Path) -> None:
    """Write until nothing more fits."""
    for size in (1 << 20, 1 << 10, 1):
        with ballast.open("ab", buffering=0) as file:
            try:
                while file.write(b"x" * size) == size:
                    pass
            except OSError:
                continue
