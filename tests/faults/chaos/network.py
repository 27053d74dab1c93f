"""The network between the processes and their servers: it stalls, it breaks, it lets nobody in."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from tests.support.proxy import Proxy

if TYPE_CHECKING:
    from tests.faults.chaos.stage import Stage

PROCESSES = ("a", "b", "c")
READERS = ("sink", "triage", "notify", "returns", "metrics")
INFLUX = "InfluxDB"
# Beyond the session of a process, which ends after 4 s, and beyond the time limit of a write to InfluxDB.
LONGEST_S = 12.0


class Network:
    """A proxy before Kafka for each process, and one before InfluxDB."""

    def __init__(self) -> None:
        self.proxies = {name: Proxy() for name in (*PROCESSES, *READERS, INFLUX)}

    @property
    def doors(self) -> list[Proxy]:
        """The proxies before Kafka."""
        return [proxy for name, proxy in self.proxies.items() if name != INFLUX]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for proxy in self.proxies.values():
            proxy.close()


def hold(stage: Stage) -> None:
    """Hold the bytes between one process, or all, and Kafka; or between the sink and InfluxDB."""
    names, seconds = _some(stage), stage.rng.uniform(0.5, LONGEST_S)
    stage.say(f"the network of {_listed(names)} stalls for {seconds:.1f} s")
    for name in names:
        stage.network.proxies[name].hold()
    time.sleep(seconds)
    for name in names:
        stage.network.proxies[name].let_flow()


def cut(stage: Stage) -> None:
    """Reset the connections; the clients may connect again at once."""
    names = _some(stage)
    stage.say(f"the connections of {_listed(names)} are cut")
    for name in names:
        stage.network.proxies[name].cut()


def refuse(stage: Stage) -> None:
    """Reset the connections and refuse new ones for a while."""
    names, seconds = _some(stage), stage.rng.uniform(0.5, LONGEST_S)
    stage.say(f"{_listed(names)}: cut, and no connection for {seconds:.1f} s")
    for name in names:
        stage.network.proxies[name].refuse()
        stage.network.proxies[name].cut()
    time.sleep(seconds)
    for name in names:
        stage.network.proxies[name].accept()


def _some(stage: Stage) -> list[str]:
    names = list(stage.network.proxies)
    return stage.rng.choice([[stage.rng.choice(names)], [stage.rng.choice(names)], names])


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else "everything"
