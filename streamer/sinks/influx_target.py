"""Where InfluxDB is: its address, bucket and token, from the environment alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self
from urllib.parse import urlsplit

from retail_anomaly.core.credentials import has_credentials
from streamer.errors import StreamerError

URL: Final = "INFLUXDB_URL"
TOKEN: Final = "INFLUXDB_TOKEN"  # noqa: S105 - a name
BUCKET: Final = "INFLUXDB_BUCKET"
ORG: Final = "INFLUXDB_ORG"
CA: Final = "INFLUXDB_SSL_CA_CERT"


@dataclass(frozen=True)
class Target:
    """The address, bucket and token of an InfluxDB. Its repr leaves the token out.

    Parameters
    ----------
    url
        The server's address.
    bucket
        Version 2: the bucket. Version 1: ``database/retention-policy``, or the database alone.
        Version 3: the database.
    org
        Version 2: the organization. The other versions ignore it.
    token
        Version 1 with authentication: ``username:password``.
    ca
        A file with the certificate authority of the server; None: the usual authorities.

    Examples
    --------
    >>> Target("http://localhost:8086", "retail", "shops", "secret")
    Target(url='http://localhost:8086', bucket='retail', org='shops', ca=None)
    """

    url: str
    bucket: str
    org: str
    token: str = field(repr=False)
    ca: str | None = None

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Self:
        """Read the target from the environment: it comes from nowhere else.

        Raises
        ------
        StreamerError
            A variable is missing, or is no address; the message names the variable, never a secret.

        Examples
        --------
        >>> Target.of({"INFLUXDB_URL": "http://db:8086", "INFLUXDB_TOKEN": "t", "INFLUXDB_BUCKET": "b"}).org
        '-'
        """
        missing = [name for name in (URL, TOKEN, BUCKET) if not environ.get(name)]
        if missing:
            raise StreamerError(
                f"not set in the environment: {', '.join(missing)}; InfluxDB is named by {URL}, {TOKEN}, "
                f"{BUCKET} and, for version 2, {ORG}"
            )
        url = environ[URL].strip()
        if has_credentials(url):
            raise StreamerError(
                f"{URL} holds a user name or password: put them into {TOKEN} as username:password"
            )
        if not _is_address(url):
            raise StreamerError(f"{URL}: expected an address such as http://influxdb:8086, without a query")
        return cls(
            url,
            environ[BUCKET].strip(),
            (environ.get(ORG) or "-").strip(),
            environ[TOKEN].strip(),
            environ.get(CA) or None,
        )


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises if it is no number
    except ValueError:
        return False
    # A query could hold a token, and the address is printed.
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not (parts.query or parts.fragment)
