"""The image as a node gets it without a registry."""

from __future__ import annotations

from pathlib import Path

from tests.image.podman import base, build, build_board, podman

PAUSE = "localhost/pause:tests"


def archive(folder: Path) -> Path:
    """Write our images, and one that does nothing for as long as a pod lives, to an archive."""
    (folder / "Containerfile").write_text(f'FROM {base()}\nCMD ["sleep", "infinity"]\n')
    podman("build", "--pull=never", "--tag", PAUSE, str(folder))
    file = folder / "images.tar"
    podman("save", "--multi-image-archive", "--output", str(file), build(), build_board(), PAUSE)
    return file
