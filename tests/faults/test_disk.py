"""The disk of the local state fills up."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.faults import LONG, Scene, log, variants

MIDWAY = len(log()) // 2


@pytest.fixture
def small_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path | None]:
    """Mount a disk that can be filled where process "a" keeps its state; None where that is not permitted.

    Parametrised with "limit" it mounts none, and with "disk" the test is skipped where none may be mounted.
    """
    folder = tmp_path / "a" / "state"
    folder.mkdir(parents=True)
    mounted = request.param != "limit" and _mount(
        "-t", "tmpfs", "-o", f"size=256m,uid={os.getuid()}", "none", folder
    )
    if request.param == "disk" and not mounted:
        pytest.skip("no permission to mount a small disk: the limit of file sizes stands in for it")
    yield folder if mounted else None
    if mounted:
        subprocess.run([*_as_root(), "umount", "--lazy", str(folder)], check=True)


@variants("small_disk", ["any"], ["disk", "limit"], indirect=["small_disk"])
@variants("guarantee", ["--at-least-once"], ["--at-least-once", "--exactly-once"])
def test_a_full_disk_ends_the_streamer_and_after_making_room_nothing_is_missing(
    small_disk: Path | None, scene: Callable[..., Scene], guarantee: str
) -> None:
    here = scene(guarantee)
    if small_disk is None:
        streamer = here.start(fault=f"limit:processed:{MIDWAY}")
    else:
        with here.held(f"processed:{MIDWAY}") as streamer:
            _fill(small_disk / "ballast")
    assert streamer.wait_until_ended() == 1
    said = streamer.last_word()
    assert said["level"] == "error"
    assert ("No space left on device" if small_disk else "File too large") in said["event"]

    if small_disk:
        if LONG:  # half a minute, for RocksDB's host takes it for a lock that will go away
            again = here.start()
            assert again.wait_until_ended() == 1
            assert "No space left on device" in again.last_word()["event"]
        (small_disk / "ballast").unlink()
    here.start()
    here.finish()

    assert here.restarts == 0


def _mount(*arguments: object) -> bool:
    command = [*_as_root(), "mount", *map(str, arguments)]
    return (
        shutil.which(command[0]) is not None
        and not subprocess.run(command, stderr=-1, check=False).returncode
    )


def _as_root() -> list[str]:
    return [] if os.getuid() == 0 else ["sudo", "-n"]


def _fill(ballast: Path) -> None:
    """Write until nothing more fits."""
    for size in (1 << 20, 1 << 10, 1):
        with ballast.open("ab", buffering=0) as file:
            try:
                while file.write(b"x" * size) == size:
                    pass
            except OSError:
                continue
