"""The cluster's DNS: names of Services and of their pods."""

from __future__ import annotations

import socket
import struct
import threading
from collections import defaultdict
from contextlib import suppress

from tests.cluster.api import Api

DOMAIN = "cluster.local"
LOOK_S = 0.2
_ADDRESS, _NO_ERROR, _NO_NAME = 1, 0x8580, 0x8583
_HEADER = 12


class Names:
    """Answers for addresses of version 4, and knows no name outside the cluster.

    Parameters
    ----------
    api
        The cluster.
    address
        Where it listens, on DNS' port: a pod can be told no other.
    """

    def __init__(self, api: Api, address: str) -> None:
        self._api = api
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, 53))
        self._socket.settimeout(LOOK_S)
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ends.set()
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while not self._ends.is_set():
            # A question that can't be answered now is asked again.
            with suppress(OSError):
                question, sender = self._socket.recvfrom(2048)
                self._socket.sendto(self._answer(question), sender)

    def _answer(self, question: bytes) -> bytes:
        labels, end = [], _HEADER
        while length := question[end]:
            labels.append(question[end + 1 : end + 1 + length].decode().lower())
            end += 1 + length
        (kind,) = struct.unpack(">H", question[end + 1 : end + 3])
        found = self._table().get(".".join(labels))
        addresses = (found or []) if kind == _ADDRESS else []
        flags = _NO_NAME if found is None else _NO_ERROR
        head = question[:2] + struct.pack(">HHHHH", flags, 1, len(addresses), 0, 0)
        # 0xC00C: the name of the question.
        rows = [
            struct.pack(">HHHIH", 0xC00C, _ADDRESS, 1, 1, 4) + socket.inet_aton(each) for each in addresses
        ]
        return head + question[_HEADER : end + 5] + b"".join(rows)

    def _table(self) -> dict[str, list[str]]:
        """Return the addresses of each name, as the API says at this moment."""
        found: dict[str, list[str]] = defaultdict(list)
        for piece in self._api.items("/apis/discovery.k8s.io/v1/endpointslices"):
            about = piece["metadata"]
            service = about.get("labels", {}).get("kubernetes.io/service-name")
            name = f"{service}.{about['namespace']}.svc.{DOMAIN}"
            for end in piece.get("endpoints") or []:
                if end.get("conditions", {}).get("ready", True):
                    found[name] += end["addresses"]
                if "hostname" in end:
                    found[f"{end['hostname']}.{name}"] += end["addresses"]
        return found
