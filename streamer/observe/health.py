"""``/metrics``, ``/healthz`` and ``/readyz`` of a process, over HTTP."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from retail_anomaly.settings import StreamerSettings
from streamer.errors import StreamerError
from streamer.observe.metrics import Metrics

_NOT_YET: Final = "not in its group yet, or reading state back"


@contextmanager
def served(metrics: Metrics, settings: StreamerSettings) -> Iterator[None]:
    """Serve the three paths for as long as the context is open, if a port is set.

    Parameters
    ----------
    metrics
        The figures of the process.
    settings
        ``metrics_port`` and ``metrics_address``.

    Raises
    ------
    StreamerError
        The port is taken.
    """
    if not settings.metrics_port:
        yield
        return
    address = (settings.metrics_address, settings.metrics_port)
    try:
        server = _Server(address, metrics)
    except OSError as error:
        raise StreamerError(
            f"{settings.metrics_address}:{settings.metrics_port} can't be listened on ({error.strerror}): "
            "choose another --metrics-port, one for each process"
        ) from None
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True, name="metrics")
    thread.start()
    structlog.stdlib.get_logger("retail-streamer").info(
        "metrics", address=f"http://{address[0]}:{address[1]}"
    )
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], metrics: Metrics) -> None:
        self.metrics = metrics
        super().__init__(address, _Request)


class _Request(BaseHTTPRequestHandler):
    server: _Server
    timeout = 10.0

    def do_GET(self) -> None:
        """Answer the three paths."""
        metrics = self.server.metrics
        path = self.path.partition("?")[0]
        if path == "/metrics":
            self._send(200, generate_latest(metrics.registry), CONTENT_TYPE_LATEST)
        elif path == "/healthz":
            self._say(metrics.alive, "the poll loop is alive", "the poll loop is stuck")
        elif path == "/readyz":
            troubled = metrics.troubled
            why = f"fails at present: {', '.join(troubled)}; see the log" if troubled else _NOT_YET
            self._say(metrics.ready, "ready", why)
        else:
            self._send(404, b"/metrics, /healthz, /readyz\n")

    def _say(self, well: bool, yes: str, no: str) -> None:
        self._send(200 if well else 503, f"{yes if well else no}\n".encode())

    def _send(self, status: int, body: bytes, kind: str = "text/plain; charset=utf-8") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing: a probe comes every few seconds."""
