"""A control plane of Kubernetes on this machine's loopback, without nodes."""

from __future__ import annotations

import json
import secrets
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from urllib.error import URLError

from tests.cluster.api import Api
from tests.cluster.guarded import Guarded
from tests.support.ports import free_ports
from tests.support.waiting import PATIENCE_S


class ControlPlane:
    """etcd, kube-apiserver, kube-controller-manager and kube-scheduler.

    Parameters
    ----------
    folder
        For keys, data and logs.
    program
        The three programs of Kubernetes in one.
    etcd, openssl
        The programs of these names.
    """

    def __init__(self, folder: Path, program: Path, etcd: Path, openssl: Path) -> None:
        self._folder, self._program = folder, str(program)
        self._etcd, self._openssl = str(etcd), str(openssl)
        self._running = Guarded(folder)
        self._token = secrets.token_urlsafe()
        self._key, self._certificate = folder / "key.pem", folder / "certificate.pem"
        self.kubeconfig = folder / "kubeconfig"

    def start(self) -> Api:
        """Start it; return its API once that is ready."""
        database, peers, port, controllers, scheduler = free_ports(5)
        api = self._prepare(port)
        store, peer = f"http://127.0.0.1:{database}", f"http://127.0.0.1:{peers}"
        self._running.run(
            [
                *(
                    self._etcd,
                    "--data-dir",
                    str(self._folder / "etcd"),
                    "--initial-cluster",
                    f"default={peer}",
                ),
                *("--listen-client-urls", store, "--advertise-client-urls", store),
                *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
            ],
            "etcd",
        )
        self._running.run(
            [
                *(self._program, "kube-apiserver", f"--etcd-servers={store}", f"--secure-port={port}"),
                *(
                    "--bind-address=127.0.0.1",
                    "--advertise-address=127.0.0.1",
                    "--endpoint-reconciler-type=none",
                ),
                *(f"--tls-cert-file={self._certificate}", f"--tls-private-key-file={self._key}"),
                *(f"--token-auth-file={self._folder / 'tokens.csv'}", "--authorization-mode=Node,RBAC"),
                "--service-account-issuer=https://kubernetes.default.svc",
                f"--service-account-key-file={self._key}",
                f"--service-account-signing-key-file={self._key}",
                "--service-cluster-ip-range=10.96.0.0/16",
            ],
            "apiserver",
        )
        self._wait_until_ready(api)
        for name, number in (("kube-controller-manager", controllers), ("kube-scheduler", scheduler)):
            own = [f"--root-ca-file={self._certificate}", f"--service-account-private-key-file={self._key}"]
            access = [
                f"--{use}kubeconfig={self.kubeconfig}" for use in ("", "authentication-", "authorization-")
            ]
            listens = ["--bind-address=127.0.0.1", f"--secure-port={number}", "--leader-elect=false"]
            self._running.run(
                [
                    *(self._program, name, *access, *listens),
                    *(["--use-service-account-credentials=true", *own] if "controller" in name else []),
                ],
                name,
            )
        return api

    def stop(self) -> None:
        """End all of it: what is in it is lost."""
        self._running.stop()

    def _prepare(self, port: int) -> Api:
        names = ["-addext", "subjectAltName=IP:127.0.0.1,DNS:kubernetes.default.svc"]
        subject = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=kube-apiserver"]
        files = ["-keyout", str(self._key), "-out", str(self._certificate)]
        subprocess.run([self._openssl, "req", *subject, *names, *files], check=True, capture_output=True)
        (self._folder / "tokens.csv").write_text(f'{self._token},admin,admin,"system:masters"\n')
        url = f"https://127.0.0.1:{port}"
        cluster = {"server": url, "certificate-authority": str(self._certificate)}
        # JSON is YAML.
        self.kubeconfig.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "tests",
                    "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "admin"}}],
                    "clusters": [{"name": "tests", "cluster": cluster}],
                    "users": [{"name": "admin", "user": {"token": self._token}}],
                }
            )
        )
        self.kubeconfig.chmod(0o600)
        return Api(url, self._token, self._certificate)

    def _wait_until_ready(self, api: Api) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            with suppress(URLError, ConnectionError):  # HTTPError is a URLError
                if api.call("GET", "/readyz") == "ok":
                    return
            assert self._running.all_run, self._running.tail("apiserver")
            assert time.monotonic() < deadline, self._running.tail("apiserver")
            time.sleep(0.2)
