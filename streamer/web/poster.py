"""Requests that post something to one address: by a deadline, through the proxy of the environment."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from urllib3 import PoolManager, ProxyManager
from urllib3.exceptions import HTTPError

from streamer.web.answers import Answer
from streamer.web.deadlines import Deadline, OpenConnections, plain_error

_MOST_READ: Final = 65_536


class WebPoster:
    """Posts to one address.

    The certificate authorities are those of the system, or of ``SSL_CERT_FILE``. ``HTTPS_PROXY`` and
    ``NO_PROXY`` are honoured. A redirect is an answer as any other: a message goes nowhere else.

    Parameters
    ----------
    url
        The address.
    seconds
        Seconds that a request may take in all.

    Examples
    --------
    >>> WebPoster("http://127.0.0.1:1/x", 2.0).post(b"{}", {})
    Traceback (most recent call last):
    ConnectionRefusedError: [Errno 111] Connection refused
    """

    def __init__(self, url: str, seconds: float) -> None:
        self._url = url
        connections = OpenConnections()
        self._deadline = Deadline(seconds, connections.break_all, "notify-post")
        address = urlsplit(url)
        proxy = getproxies().get(address.scheme)
        if proxy and not proxy_bypass(address.hostname or ""):
            self._pools: PoolManager = ProxyManager(proxy, retries=False, timeout=seconds)
        else:
            self._pools = PoolManager(retries=False, timeout=seconds)
        self._pools.pool_classes_by_scheme = connections.pools()

    def end_within(self, seconds: float) -> None:
        """End each request within this time from now on. A signal handler may call it."""
        self._deadline.end_within(seconds)

    def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Post a body and return the answer, whatever its status.

        Parameters
        ----------
        body
            The body.
        headers
            Further headers.

        Raises
        ------
        TimeoutError
            There is no whole answer by the deadline, or the process has ended its requests.
        OSError, HTTPException
            There is no connection by the deadline, it fails, or the answer is no HTTP.
        """
        return self._deadline.run(lambda: self._post(body, headers))

    def _post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        try:
            # A connection of its own: after a pause the server has closed an old one, and a message that is
            # sent a second time is a second message.
            answer = self._pools.request(
                "POST",
                self._url,
                body=body,
                headers={**headers, "Connection": "close"},
                redirect=False,
                preload_content=False,
            )
            content = answer.read(_MOST_READ)
        except HTTPError as error:
            raise plain_error(error) from None
        found = {name.lower(): value for name, value in answer.headers.items()}
        answer.release_conn()
        return Answer(answer.status, found, content)
