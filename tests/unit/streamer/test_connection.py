"""Broker and credentials: precedence, combinations that don't fit, secrets that stay hidden."""

from __future__ import annotations

from pathlib import Path

import pytest

from retail_anomaly.settings import load
from streamer.errors import StreamerError
from streamer.kafka.connection import VARIABLES, Connection, resolve, security, with_quix_names

ROOT = Path(__file__).parents[3]
SASL = {
    "KAFKA_SECURITY_PROTOCOL": "sasl_ssl",
    "KAFKA_SASL_MECHANISM": "scram-sha-512",
    "KAFKA_SASL_USERNAME": "user",
    "KAFKA_SASL_PASSWORD": "s3cret",
    "KAFKA_SSL_CA_LOCATION": "/etc/ca.pem",
}
QUIX = {"Quix__Sdk__Token": "t0ken", "Quix__Portal__Api": "https://portal"}


def _connect(
    tmp_path: Path,
    *,
    flag: str | None = None,
    ours: str | None = None,
    quix: str | None = None,
    file: str | None = None,
    **environ: str,
) -> Connection:
    """Resolve as the command does, with the broker named wherever the test wants."""
    if ours:
        environ["RETAIL__STREAMER__BROKER"] = ours
    if quix:
        environ["Quix__Broker__Address"] = quix
    path = None
    if file:
        path = tmp_path / "config.yaml"
        path.write_text(f"streamer: {{broker: '{file}'}}")
    loaded = load(path, environ=with_quix_names(environ), flags={"streamer.broker": flag})
    named = loaded.sources["streamer.broker"] != "default"
    return resolve(loaded.settings.streamer.broker, environ, named=named)


@pytest.mark.parametrize(
    ("given", "broker"),
    [
        ({"flag": "flag:1", "ours": "ours:1", "quix": "quix:1", "file": "file:1"}, "flag:1"),
        ({"ours": "ours:1", "quix": "quix:1", "file": "file:1"}, "ours:1"),
        ({"quix": "quix:1", "file": "file:1"}, "quix:1"),
        ({"file": "file:1"}, "file:1"),
        ({}, "localhost:9092"),
    ],
)
def test_broker_is_the_first_of_flag_ours_quix_file_default(tmp_path, given, broker):
    assert _connect(tmp_path, **given).broker == broker


@pytest.mark.parametrize("where", ["flag", "ours", "quix", "file"])
def test_a_named_broker_comes_before_quix_cloud(tmp_path, where):
    assert _connect(tmp_path, **{where: "kafka:1"}, **QUIX).broker == "kafka:1"


def test_token_without_a_broker_means_quix_cloud(tmp_path):
    connection = _connect(tmp_path, **QUIX)
    assert connection.application_arguments() == {
        "quix_sdk_token": "t0ken",
        "quix_portal_api": "https://portal",
    }
    with pytest.raises(StreamerError, match="--broker"):
        connection.properties()


def test_token_without_a_portal_is_an_error(tmp_path):
    with pytest.raises(StreamerError, match="Quix__Portal__Api"):
        _connect(tmp_path, **{name: QUIX[name] for name in ["Quix__Sdk__Token"]})


@pytest.mark.parametrize(
    ("environ", "key", "value"),
    [
        ({"Quix__Consumer_Group": "a"}, "consumer_group", "a"),
        ({"Quix__Consumer_Group": "a", "RETAIL__STREAMER__CONSUMER_GROUP": "b"}, "consumer_group", "b"),
        ({"Quix__State__Dir": "/s"}, "state_dir", "/s"),
        ({"Quix__State__Dir": "/s", "Quix__Deployment__State__Path": "/p"}, "state_dir", "/p"),
        ({"Quix__State__Dir": ""}, "state_dir", "state"),
    ],
)
def test_quix_names_stand_in_for_ours(environ, key, value):
    assert getattr(load(environ=with_quix_names(environ)).settings.streamer, key) == value


def test_security_reaches_both_kinds_of_client():
    connection = resolve("kafka:9093", SASL, named=True)
    expected = {
        "bootstrap.servers": "kafka:9093",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "user",
        "sasl.password": "s3cret",
        "ssl.ca.location": "/etc/ca.pem",
    }
    assert connection.properties() == expected
    quix = connection.application_arguments()["broker_address"].as_librdkafka_dict()
    assert {**quix, "security.protocol": quix["security.protocol"].upper()} == expected


def test_every_variable_is_a_property_that_quix_knows():
    from quixstreams.kafka import ConnectionConfig

    assert {name.replace(".", "_") for name in VARIABLES.values()} <= set(ConnectionConfig.model_fields)


def test_the_page_that_the_help_names_has_every_variable():
    page = (ROOT / "docs/operations.md").read_text()
    assert [name for name, prop in VARIABLES.items() if f"| `{name}` | `{prop}` |" not in page] == []


def test_nothing_secret_is_shown():
    shown = [
        repr(resolve("kafka:9093", SASL, named=True)),
        str(resolve("kafka:9093", SASL, named=True).application_arguments()),
        repr(resolve(None, QUIX, named=False)),
    ]
    assert not any(secret in text for text in shown for secret in ("s3cret", "t0ken"))


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"KAFKA_SECURITY_PROTOCOL": "TLS"}, "KAFKA_SECURITY_PROTOCOL: expected one of PLAINTEXT, SSL"),
        (SASL | {"KAFKA_SASL_MECHANISM": "SCRAM"}, "KAFKA_SASL_MECHANISM: expected one of PLAIN"),
        (SASL | {"KAFKA_SASL_PASSWORD": ""}, "KAFKA_SECURITY_PROTOCOL=SASL_SSL needs KAFKA_SASL_PASSWORD"),
        ({"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "needs KAFKA_SASL_MECHANISM"),
        (SASL | {"KAFKA_SECURITY_PROTOCOL": ""}, "KAFKA_SASL_MECHANISM is set and has no effect"),
        (SASL | {"KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT"}, "KAFKA_SSL_CA_LOCATION is set and has no"),
    ],
)
def test_what_does_not_fit_together_is_named(environ, said):
    with pytest.raises(StreamerError) as raised:
        security(environ)
    assert said in str(raised.value)
    assert "s3cret" not in str(raised.value)


def test_other_variables_of_kubernetes_do_not_matter():
    assert security({"KAFKA_SERVICE_HOST": "10.0.0.1", "KAFKA_PORT": "tcp://10.0.0.1:9092"}) == {}


def test_no_broker_at_all_is_an_error():
    with pytest.raises(StreamerError, match="--broker"):
        Connection(None).properties()
    with pytest.raises(StreamerError, match="--broker"):
        resolve("", {}, named=True)
