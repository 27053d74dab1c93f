"""Wait until servers answer, and print their addresses: `make up` ends with this.

    python helm/links.py Grafana=http://localhost:3000

The order is that of the arguments. A server that does not answer in time is named, and the exit code is 1.
"""

import sys
import time
from collections.abc import Sequence
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

PATIENCE_S = 300.0
_PAUSE_S = 0.5
_TIMEOUT_S = 5.0


def answers(address: str) -> bool:
    """Whether a server answers with less than an error of its own."""
    try:
        # These are servers of this machine: a proxy of the surroundings would not reach them.
        build_opener(ProxyHandler({})).open(address, timeout=_TIMEOUT_S).close()
    except HTTPError as error:
        return error.code < 500
    except (OSError, HTTPException):
        return False
    return True


def main(links: Sequence[str], patience: float = PATIENCE_S) -> int:
    """Print each address once it answers; return the exit code."""
    deadline = time.monotonic() + patience
    for link in links:
        name, _, address = link.partition("=")
        while not answers(address):
            if time.monotonic() > deadline:
                print(  # noqa: T201
                    f"{name} does not answer at {address}; see `docker compose ps` and `docker compose logs`",
                    file=sys.stderr,
                )
                return 1
            time.sleep(_PAUSE_S)
        print(f"{name:12} {address}", flush=True)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
