"""The content of the image, made on this machine by the image's own recipe."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.deploy.chart import ROOT
from tests.support.cached import CACHE

RECIPE = ROOT / "Dockerfile"
PLACE = "/opt/retail-anomaly"


def board_libraries() -> str:
    """Return what the page on deployment adds to the image for the board."""
    (given,) = re.findall(r'--build-arg WITH="(.+?)"', (ROOT / "docs" / "deploy.md").read_text())
    return str(given)


def make_image(folder: Path) -> Path:
    """Run the first stage's commands in a copy of its files; return the image's environment.

    The dependencies are installed once for each list of them, and the package once for each content. Tests in
    two processes can therefore use one installation side by side.
    """
    stage = RECIPE.read_text().split("\nFROM ")[1].replace("\\\n", " ")
    recipe = re.sub(r"^#.*\n", "", stage, flags=re.MULTILINE)
    copied = [path for line in re.findall(r"^COPY (.+) \S+$", recipe, re.MULTILINE) for path in line.split()]
    for name in copied:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    dependencies, package = re.findall(r"^RUN (.+)$", recipe, re.MULTILINE)
    wanted = hashlib.sha256((ROOT / "constraints.txt").read_bytes() + dependencies.encode())
    wanted.update((ROOT / "streamer" / "requirements.txt").read_bytes())
    base = CACHE / f"image-{wanted.hexdigest()[:12]}"
    content = _digest(folder)
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "image.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (base / ".complete").exists():
            shutil.rmtree(base, ignore_errors=True)
            _run(dependencies.replace(PLACE, str(base)), folder)
            (base / ".complete").touch()
        installed = base / ".package"
        if not installed.exists() or installed.read_text() != content:
            installed.unlink(missing_ok=True)
            again = package.replace("install --no-deps", "install --no-deps --force-reinstall")
            _run(again.replace(PLACE, str(base)), folder)
            installed.write_text(content)
    return base


def size_mb(environment: Path) -> float:
    """Return how much the image is larger than its base: all files of the environment, in megabytes.

    Python itself is the base's; the environment has a link to it.
    """
    found = (path.lstat() for path in environment.rglob("*") if not path.is_symlink())
    return sum(file.st_size for file in found if stat.S_ISREG(file.st_mode)) / 1e6


def _digest(folder: Path) -> str:
    """Return a digest of a folder's files and their names."""
    found = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        found.update(f"{path.relative_to(folder)}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return found.hexdigest()


def _run(command: str, folder: Path) -> None:
    # `python` of the recipe is the one of these tests, which has what the build needs.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-1000:]}{done.stderr[-2000:]}"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as source:
        print(f"The image's own content: {size_mb(make_image(Path(source))):.0f} MB")
