"""Real clusters of Dask and of Ray on this machine, with two workers each, on the loopback interface."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil

from tests.support.ports import free_ports
from tests.support.waiting import PATIENCE_S, pauses

ROOT = Path(__file__).parents[2]
_RAY = {
    # Ray reports to its makers, and that it must not report too. And it listens on all interfaces.
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_USAGE_STATS_REPORT_URL": "http://127.0.0.1:9",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_AUTH_MODE": "disabled",
    # Its workers give way to everything else, and would wait for the other tests.
    "RAY_worker_niceness": "0",
    "RAY_raylet_start_wait_time_s": str(PATIENCE_S),
    "RAY_agent_register_timeout_ms": str(1000 * PATIENCE_S),
    "RAY_worker_register_timeout_seconds": str(PATIENCE_S),
    "RAY_CLIENT_SERVER_CHECK_CHANNEL_TIMEOUT_S": str(PATIENCE_S),
    # gRPC's handlers of forks sometimes end the client's own server before it has begun, on a busy machine.
    "GRPC_ENABLE_FORK_SUPPORT": "0",
    # Where Jupyter is installed, each of some ten processes would compile a grammar for two seconds.
    "PYTHONPATH": os.pathsep.join([str(ROOT / "tests" / "light"), str(ROOT)]),
}
_RAY_PORTS = (
    "--port",
    "--ray-client-server-port",
    "--dashboard-port",
    "--dashboard-agent-listen-port",
    "--dashboard-agent-grpc-port",
    "--runtime-env-agent-port",
    "--metrics-export-port",
)

_AWAITED_PORTS = ("--ray-client-server-port", "--runtime-env-agent-port")


@contextmanager
def dask_cluster(folder: Path) -> Iterator[str]:
    """Run a scheduler and two workers; yield their address, such as ``dask://127.0.0.1:20123``."""
    place = folder / "scheduler.json"
    common = ["--scheduler-file", str(place)]
    with ExitStack() as stack:
        scheduler = ["dask_scheduler", *common, "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
        stack.enter_context(_process("-m", *_of_dask(scheduler)))
        for _ in range(2):
            worker = ["dask_worker", *common, "--nthreads", "1", "--no-nanny", "--no-dashboard"]
            options = ["--local-directory", str(folder), "--host", "127.0.0.1"]
            stack.enter_context(_process("-m", *_of_dask([*worker, *options])))
        rest = pauses()
        while not place.exists() or not place.read_text().endswith("}"):
            next(rest)
        yield json.loads(place.read_text())["address"].replace("tcp://", "dask://")


def _of_dask(command: list[str]) -> list[str]:
    return [f"distributed.cli.{command[0]}", *command[1:]]


@contextmanager
def _process(*command: str) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, *command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE_S)
        finally:
            process.kill()


@contextmanager
def ray_cluster() -> Iterator[str]:
    """Run a cluster of one node with two workers; yield its address, such as ``ray://127.0.0.1:20123``."""
    ports = dict(zip(_RAY_PORTS, map(str, free_ports(len(_RAY_PORTS))), strict=True))
    # Its sockets lie below, whose names must be short. The smallest object store that it takes.
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder:
        log = Path(folder) / "head.log"
        awaited = [ports[name] for name in _AWAITED_PORTS]
        # Without this file in its home, it asks the network which cloud it is in, whatever it counts.
        (Path(folder) / "ray_bootstrap_config.yaml").write_text("provider: {type: local}")
        options = ["--node-ip-address", "127.0.0.1", "--num-cpus", "2", "--num-gpus", "0"]
        options += ["--include-dashboard", "false", "--no-monitor", "--include-log-monitor", "false"]
        options += ["--object-store-memory", "80000000", "--temp-dir", folder, *sum(ports.items(), ())]
        with log.open("w") as output:
            head = subprocess.Popen(
                [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", *options],
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={**os.environ, **_RAY, "HOME": folder},
                start_new_session=True,
            )
        try:
            deadline = time.monotonic() + PATIENCE_S
            for _ in pauses():
                assert head.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                # The agents come last; without them no worker starts.
                if "Ray runtime started" in log.read_text() and all(map(_is_open, awaited)):
                    break
            yield f"ray://127.0.0.1:{ports['--ray-client-server-port']}"
        except BaseException:
            _print_logs(Path(folder))
            raise
        finally:
            _end_session(head)


def _print_logs(folder: Path) -> None:
    """Show what the cluster's processes said last: their logs end with the test."""
    for log in sorted((folder / "session_latest" / "logs").glob("*.*")):
        if lines := log.read_text(errors="replace").splitlines()[-20:]:
            print(f"--- {log.name}", *lines, sep="\n")


def _is_open(port: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(port))) == 0


def _end_session(leader: subprocess.Popen[bytes]) -> None:
    """Kill all processes of a session: some of them have lost their parent, and would linger."""
    for _ in pauses():
        members = [pid for pid in psutil.pids() if _session_of(pid) == leader.pid]
        for pid in members:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        leader.poll()
        if not members:
            return


def _session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None
