"""The broker's address and credentials, from flags, files and environment.

The address is the first of these that is set: ``--broker``, our environment variable
(``RETAIL__STREAMER__BROKER``), Quix's (``Quix__Broker__Address``), the configuration file, the packaged
default. With a ``Quix__Sdk__Token`` and no address anywhere, Quix Cloud tells its brokers.

Credentials come from environment variables only, so that no secret stands in a file or a command line.
`VARIABLES` names them; each sets one librdkafka property.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from retail_anomaly.core.credentials import KAFKA_CREDENTIALS, has_credentials
from streamer.errors import StreamerError

VARIABLES: Final = {
    "KAFKA_SECURITY_PROTOCOL": "security.protocol",
    "KAFKA_SASL_MECHANISM": "sasl.mechanism",
    "KAFKA_SASL_USERNAME": "sasl.username",
    "KAFKA_SASL_PASSWORD": "sasl.password",
    "KAFKA_SASL_KERBEROS_SERVICE_NAME": "sasl.kerberos.service.name",
    "KAFKA_SASL_KERBEROS_PRINCIPAL": "sasl.kerberos.principal",
    "KAFKA_SASL_KERBEROS_KEYTAB": "sasl.kerberos.keytab",
    "KAFKA_SASL_OAUTHBEARER_METHOD": "sasl.oauthbearer.method",
    "KAFKA_SASL_OAUTHBEARER_CLIENT_ID": "sasl.oauthbearer.client.id",
    "KAFKA_SASL_OAUTHBEARER_CLIENT_SECRET": "sasl.oauthbearer.client.secret",
    "KAFKA_SASL_OAUTHBEARER_SCOPE": "sasl.oauthbearer.scope",
    "KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL": "sasl.oauthbearer.token.endpoint.url",
    "KAFKA_SSL_CA_LOCATION": "ssl.ca.location",
    "KAFKA_SSL_CERTIFICATE_LOCATION": "ssl.certificate.location",
    "KAFKA_SSL_KEY_LOCATION": "ssl.key.location",
    "KAFKA_SSL_KEY_PASSWORD": "ssl.key.password",
    "KAFKA_SSL_ENDPOINT_IDENTIFICATION_ALGORITHM": "ssl.endpoint.identification.algorithm",
}
"""Our variable -> librdkafka's property."""

_PROTOCOLS: Final = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "GSSAPI")
_WITH_PASSWORD: Final = _MECHANISMS[:3]

# Quix's names, and the names of ours that they stand in for. Of two for one setting the first wins.
_QUIX: Final = (
    ("Quix__Broker__Address", "RETAIL__STREAMER__BROKER"),
    ("Quix__Consumer_Group", "RETAIL__STREAMER__CONSUMER_GROUP"),
    ("Quix__Deployment__State__Path", "RETAIL__STREAMER__STATE_DIR"),
    ("Quix__State__Dir", "RETAIL__STREAMER__STATE_DIR"),
)


@dataclass(frozen=True)
class Connection:
    """A broker and its credentials. Its repr leaves secrets out.

    Parameters
    ----------
    broker
        Host and port, several separated by commas; None on Quix Cloud.
    security
        librdkafka properties for TLS and SASL.
    quix_token, quix_portal
        Quix Cloud's SDK token and portal, if there is no broker.
    embedded
        Whether the broker is an `EmbeddedBroker`.

    Raises
    ------
    StreamerError
        The broker's address holds a user name or password.

    Examples
    --------
    >>> Connection("localhost:9092", {"sasl.password": "secret"})
    Connection(broker='localhost:9092', quix_portal=None, embedded=False)
    """

    broker: str | None
    security: Mapping[str, str] = field(default_factory=dict, repr=False)
    quix_token: str | None = field(default=None, repr=False)
    quix_portal: str | None = None
    embedded: bool = False

    def __post_init__(self) -> None:
        # The address is printed and logged, so it must hold no secret.
        if self.broker and has_credentials(self.broker):
            raise StreamerError(f"the broker's address: {KAFKA_CREDENTIALS}")

    @classmethod
    def of(cls, broker: str | None, environ: Mapping[str, str]) -> Self:
        """Return the connection to a broker, with the credentials of the environment.

        Raises
        ------
        StreamerError
            The credentials don't fit together; the message names the variable, never a secret.

        Examples
        --------
        >>> Connection.of("localhost:9092", {})
        Connection(broker='localhost:9092', quix_portal=None, embedded=False)
        """
        return cls(broker, security(environ))

    def properties(self) -> dict[str, Any]:
        """Return the properties for a confluent_kafka client, secrets included.

        Raises
        ------
        StreamerError
            The broker is Quix Cloud's, whose addresses are not known here.
        """
        if self.broker is None:
            raise StreamerError(
                "on Quix Cloud topics and offsets are looked after in its portal; "
                "for another Kafka name it with --broker"
            )
        return {"bootstrap.servers": self.broker, **self.security}

    def application_arguments(self) -> dict[str, Any]:
        """Return the arguments for `quixstreams.Application` that name the broker."""
        if self.broker is None:
            return {"quix_sdk_token": self.quix_token, "quix_portal_api": self.quix_portal}
        from quixstreams.kafka import ConnectionConfig

        return {"broker_address": ConnectionConfig.from_librdkafka_dict(self.properties())}


def with_quix_names(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which Quix's variables fill in for ours that are not set.

    Parameters
    ----------
    environ
        Names and values, as `os.environ` has them.

    Examples
    --------
    >>> with_quix_names({"Quix__Consumer_Group": "a"})["RETAIL__STREAMER__CONSUMER_GROUP"]
    'a'
    """
    merged = dict(environ)
    for theirs, ours in _QUIX:
        if environ.get(theirs) and not merged.get(ours):
            merged[ours] = environ[theirs]
    return merged


def resolve(
    broker: str | None, environ: Mapping[str, str], *, named: bool, embedded: bool = False
) -> Connection:
    """Decide which broker to connect to.

    Parameters
    ----------
    broker
        The broker of the settings.
    environ
        Names and values, as `os.environ` has them.
    named
        Whether a flag, the environment or a file names the broker; False for the packaged default.
    embedded
        Whether the broker is an `EmbeddedBroker`.

    Raises
    ------
    StreamerError
        The environment's settings don't fit together; the message names the variable.

    Examples
    --------
    >>> resolve("localhost:9092", {}, named=False).broker
    'localhost:9092'
    >>> quix = {"Quix__Sdk__Token": "t", "Quix__Portal__Api": "https://portal"}
    >>> resolve("localhost:9092", quix, named=False)
    Connection(broker=None, quix_portal='https://portal', embedded=False)
    """
    token = environ.get("Quix__Sdk__Token")
    if token and not named:
        portal = environ.get("Quix__Portal__Api")
        if not portal:
            raise StreamerError(
                "Quix__Sdk__Token is set and Quix__Portal__Api is not: set it to your Quix portal's API, "
                "or name a broker with --broker"
            )
        return Connection(None, quix_token=token, quix_portal=portal)
    if not broker:
        raise StreamerError("no broker is named: use --broker host:port")
    return Connection(broker, security(environ), embedded=embedded)


def security(environ: Mapping[str, str]) -> dict[str, str]:
    """Read librdkafka's properties for TLS and SASL from the environment.

    Parameters
    ----------
    environ
        Names and values, as `os.environ` has them; an empty value counts as absent.

    Raises
    ------
    StreamerError
        They don't fit together; the message names the variable, never a secret.

    Examples
    --------
    >>> security({"KAFKA_SECURITY_PROTOCOL": "ssl", "KAFKA_SSL_CA_LOCATION": "/etc/ca.pem"})
    {'security.protocol': 'SSL', 'ssl.ca.location': '/etc/ca.pem'}
    """
    found = {name: environ[name] for name in VARIABLES if environ.get(name)}
    for name, allowed in (("KAFKA_SECURITY_PROTOCOL", _PROTOCOLS), ("KAFKA_SASL_MECHANISM", _MECHANISMS)):
        if name in found:
            found[name] = found[name].upper()
            if found[name] not in allowed:
                raise StreamerError(f"{name}: expected one of {', '.join(allowed)}, got {found[name]!r}")
    protocol = found.get("KAFKA_SECURITY_PROTOCOL", "PLAINTEXT")
    # librdkafka would ignore these and connect without them. An error is better.
    for name in found:
        family = "SASL" if name.startswith("KAFKA_SASL_") else "SSL" if "_SSL_" in name else ""
        if family not in protocol:
            raise StreamerError(
                f"{name} is set and has no effect with KAFKA_SECURITY_PROTOCOL={protocol}: "
                f"set that to {'SASL_SSL or SASL_PLAINTEXT' if family == 'SASL' else 'SSL or SASL_SSL'}"
            )
    if "SASL" in protocol:
        needed = ["KAFKA_SASL_MECHANISM"]
        if found.get("KAFKA_SASL_MECHANISM") in _WITH_PASSWORD:
            needed += ["KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD"]
        if missing := [name for name in needed if name not in found]:
            raise StreamerError(f"KAFKA_SECURITY_PROTOCOL={protocol} needs {' and '.join(missing)}")
    return {VARIABLES[name]: value for name, value in found.items()}
