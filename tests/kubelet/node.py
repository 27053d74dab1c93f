"""A node: containerd and a kubelet in namespaces of their own."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.api import Api
from tests.cluster.guarded import Guarded
from tests.cluster.volumes import give_volumes
from tests.deploy import tools
from tests.kubelet.machine import Machine
from tests.kubelet.names import DOMAIN
from tests.support.ports import free_ports
from tests.support.waiting import PATIENCE_S

NAME = "node"
LOOK_S = 0.2
PLUGINS = (Path("/usr/lib/cni"), Path("/opt/cni/bin"))
# Whatever they write outside of the tests' folder is gone with the namespace, and so is each process.
START = """
for folder in /run /var/lib /var/log; do mount -t tmpfs none "$folder" || exit; done
"$1" --config containerd.toml --log-level warn > containerd.log 2>&1 &
until test -S c.sock; do sleep 0.1; done
"$2" --config=kubelet.json --kubeconfig="$3" --root-dir="$PWD/kubelet" --cert-dir="$PWD/keys" \
    --node-ip="$4" --hostname-override=node > kubelet.log 2>&1 &
wait
"""
CONTAINERD = """
version = 2
root = "{folder}/containerd"
state = "/run/containerd"
[grpc]
  address = "{folder}/c.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "{folder}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  stream_server_address = "127.0.0.1"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      BinaryName = "{runc}"
      SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins}"
    conf_dir = "{folder}/net"
"""


@dataclass(frozen=True)
class Parts:
    """The programs of a node, and a folder of network plugins."""

    kubelet: Path
    containerd: Path
    ctr: Path
    runc: Path
    unshare: Path
    plugins: Path


def installed_parts(kubelet: Path) -> Parts:
    """Find what a node needs besides its kubelet."""
    plugins = next((folder for folder in PLUGINS if (folder / "bridge").exists()), None)
    if plugins is None:
        raise tools.ToolUnavailableError("no network plugins found (Debian: containernetworking-plugins)")
    return Parts(
        kubelet,
        tools.installed("containerd", "containerd"),
        tools.installed("ctr", "containerd"),
        tools.installed("runc", "runc"),
        tools.installed("unshare", "util-linux"),
        plugins,
    )


class Node:
    """The only node of a cluster.

    Parameters
    ----------
    folder
        For images, containers, volumes and logs.
    parts
        Its programs.
    machine
        Where its pods have their network.
    pause
        Name of the image that keeps a pod's network.
    """

    def __init__(self, folder: Path, parts: Parts, machine: Machine, pause: str) -> None:
        self._folder, self._parts, self._machine, self._pause = folder, parts, machine, pause
        self._socket = folder / "c.sock"
        self._running = Guarded(folder)
        self._ends = threading.Event()
        self._provisioner: threading.Thread | None = None

    def start(self, api: Api, kubeconfig: Path, images: Path) -> None:
        """Start it with the images of an archive; return when it takes pods."""
        self._configure()
        spaces = ["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        given = [self._parts.containerd, self._parts.kubelet, kubeconfig, self._machine.address]
        command = [self._parts.unshare, *spaces, "--", "sh", "-c", START, NAME, *given]
        self._running.run([str(part) for part in command], "node")
        self._wait(self._socket.exists)
        tools.run([*self._ctr, "images", "import", str(images)])
        self._wait(lambda: self._is_ready(api))
        self._provisioner = threading.Thread(target=self._provision, args=(api,), daemon=True)
        self._provisioner.start()

    def stop(self) -> None:
        """End it with all that runs in it."""
        self._ends.set()
        if self._provisioner is not None:
            self._provisioner.join()
        self._running.stop()

    @property
    def _ctr(self) -> list[str]:
        return [str(self._parts.ctr), "--address", str(self._socket), "--namespace", "k8s.io"]

    def _configure(self) -> None:
        for folder in ("net", "volumes", "plugins"):
            (self._folder / folder).mkdir()
        config = CONTAINERD.format(
            folder=self._folder, pause=self._pause, runc=self._parts.runc, plugins=self._parts.plugins
        )
        (self._folder / "containerd.toml").write_text(config)
        routes = {"subnet": self._machine.subnet, "routes": [{"dst": "0.0.0.0/0"}]}
        bridge = {"type": "bridge", "bridge": self._machine.name}
        network = {
            "cniVersion": "0.4.0",
            "name": "pods",
            "plugins": [bridge | {"ipam": {"type": "host-local"} | routes}],
        }
        (self._folder / "net" / "10-bridge.conflist").write_text(json.dumps(network))
        (port,) = free_ports(1)
        kubelet = {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": "127.0.0.1",
            "port": port,
            "healthzPort": 0,
            "authentication": {"anonymous": {"enabled": False}, "webhook": {"enabled": True}},
            "authorization": {"mode": "Webhook"},
            "clusterDNS": [self._machine.address],
            "clusterDomain": DOMAIN,
            "resolvConf": "",
            "containerRuntimeEndpoint": f"unix://{self._socket}",
            # All containers in one control group, which the tests remove; version 1 is good enough for them.
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{self._machine.name}",
            "cgroupsPerQOS": False,
            "enforceNodeAllocatable": [],
            "failCgroupV1": False,
            "failSwapOn": False,
            # No rule in this machine's firewall.
            "makeIPTablesUtilChains": False,
            "volumePluginDir": str(self._folder / "plugins"),
            "podLogsDir": str(self._folder / "pods"),
            # The disk of a machine that is used for other things is no reason to refuse a pod.
            "localStorageCapacityIsolation": False,
            "evictionHard": {"memory.available": "100Mi"},
            "imageGCHighThresholdPercent": 100,
        }
        (self._folder / "kubelet.json").write_text(json.dumps(kubelet))

    def _is_ready(self, api: Api) -> bool:
        node = api.find(f"/api/v1/nodes/{NAME}")
        found = node["status"].get("conditions", []) if node else []
        return any(one["type"] == "Ready" and one["status"] == "True" for one in found)

    def _wait(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            said = [self._running.tail(name) for name in ("node", "containerd", "kubelet")]
            assert self._running.all_run, "\n".join(said)
            assert time.monotonic() < deadline, "\n".join(said)
            time.sleep(0.2)

    def _provision(self, api: Api) -> None:
        while not self._ends.wait(LOOK_S):
            with suppress(OSError):  # a busy server: the next look asks it again
                give_volumes(api, self._folder / "volumes")
