"""podman: a base image, our image, and containers that may do no more than the chart's."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from tests.deploy import tools
from tests.deploy.chart import ROOT
from tests.deploy.image import RECIPE, board_libraries
from tests.support.cached import once

IMAGE = "localhost/retail-anomaly:tests"
BOARD = "localhost/retail-anomaly-board:tests"
PATIENCE_S = 1800
PACKAGES = "python3,python3-pip,python3-venv,ca-certificates"
MIRROR = "http://deb.debian.org/debian"
CERTIFICATES = Path("/etc/ssl/certs")
# As the chart's pods: nothing to write to but the state and /tmp, no privilege, no network.
LOCKED = ["--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]  # noqa: S108
# A container of a container may not raise its own limits.
LIMITS = ["--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096"]


def podman(*arguments: str, check: bool = True) -> str:
    """Run podman and return what it prints."""
    # crun refuses some layouts of control groups that runc takes.
    runtime = ["--runtime", "runc"] if shutil.which("runc") else []
    command = [str(tools.installed("podman", "podman")), *runtime, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert not check or done.returncode == 0, (
        f"{' '.join(arguments[:4])}\n{done.stdout[-800:]}{done.stderr[-2000:]}"
    )
    return done.stdout + ("" if check else done.stderr)


def base() -> str:
    """Return the name of the base image, made of Debian's packages if it is not here."""
    tag = re.search(r"^ARG PYTHON=(\S+)$", RECIPE.read_text(), re.MULTILINE)
    assert tag, "the Dockerfile names no Python"
    name = f"docker.io/library/python:{tag[1]}"
    if subprocess.run(["podman", "image", "exists", name], check=False).returncode:
        _import_debian(name, tag[1].rpartition("-")[2])
    return name


def _import_debian(name: str, suite: str) -> None:
    debootstrap = tools.installed("debootstrap", "debootstrap")
    archive = once(f"base-{suite}", "base.tar", lambda folder: _bootstrap(debootstrap, suite, folder))
    podman("import", "--change", 'CMD ["python3"]', str(archive), name)


def _bootstrap(debootstrap: Path, suite: str, folder: Path) -> None:
    root = folder / "root"
    tools.run(
        [str(debootstrap), "--variant=minbase", f"--include={PACKAGES}", suite, str(root), MIRROR],
        patience=PATIENCE_S,
    )
    # The official image's Python is here, and lets pip install.
    (root / "usr" / "local" / "bin" / "python").symlink_to("/usr/bin/python3")
    for file in (root / "usr" / "lib").glob("python3*/EXTERNALLY-MANAGED"):
        file.unlink()
    tools.run(["tar", "--create", "--file", str(folder / "base.tar"), "--directory", str(root), "."])
    shutil.rmtree(root)


@cache
def build() -> str:
    """Build the image from the checkout; return its name."""
    return _built(IMAGE)


@cache
def build_board() -> str:
    """Build the board's image, as the page on deployment says; return its name."""
    return _built(BOARD, "--build-arg", f"WITH={board_libraries()}")


def _built(name: str, *arguments: str) -> str:
    base()
    # This machine's authorities, for an index behind a proxy of its own.
    trusted = ["--volume", f"{CERTIFICATES}:{CERTIFICATES}:ro"] if CERTIFICATES.is_dir() else []
    podman("build", "--network", "host", "--pull=never", *trusted, *arguments, "--tag", name, str(ROOT))
    return name


def size(name: str) -> int:
    """Return the bytes of an image with all that it stands on."""
    return int(podman("image", "inspect", "--format", "{{.Size}}", name))


def run(*command: str, options: Sequence[str] = ()) -> str:
    """Run a command in a container until it ends; return its output."""
    return podman("run", "--rm", "--network", "none", *LOCKED, *LIMITS, *options, build(), *command)


def start(*command: str, options: Sequence[str] = ("--network", "none")) -> str:
    """Start a container in the background; return its id."""
    return podman("run", "--detach", *LOCKED, *LIMITS, *options, build(), *command).strip()
