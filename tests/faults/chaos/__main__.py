"""Run seeds of the chaos: `python -m tests.faults.chaos --seed 7 --minutes 10`."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from streamer.errors import StreamerError
from tests.faults.chaos.network import Network
from tests.faults.chaos.seeds import Chaos
from tests.kafka import KafkaServer


def main() -> int:
    """Run the seeds that the command line names; return 0 if all alerts were those of a replay."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="The first seed.")
    parser.add_argument("--seeds", type=int, default=1, help="How many seeds, one after another.")
    parser.add_argument("--minutes", type=float, default=2, help="Minutes of faults for each seed.")
    options = parser.parse_args()
    failed = []
    for seed in range(options.seed, options.seed + options.seeds):
        scene = Path(tempfile.mkdtemp(prefix=f"chaos-{seed}-"))
        try:
            _run(seed, options.minutes, scene)
        # Or it did not end when it was asked, or the broker does not tell how far the groups are.
        except (AssertionError, subprocess.TimeoutExpired, StreamerError) as error:
            failed.append(seed)
            print(f"seed {seed} failed, its logs are in {scene}: {error}", file=sys.stderr)
        else:
            shutil.rmtree(scene)
    return 1 if failed else 0


def _run(seed: int, minutes: float, scene: Path) -> None:
    with tempfile.TemporaryDirectory() as folder, Network() as network:
        server = KafkaServer(Path(folder), doors=network.doors).start()
        try:
            Chaos(server, network, scene, seed, minutes).run()
        finally:
            server.stop()


if __name__ == "__main__":
    sys.exit(main())
