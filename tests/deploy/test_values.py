"""The values that the chart refuses, and its schema and README against the code."""

from __future__ import annotations

import json
import re
import runpy

import jsonschema
import pytest
import yaml

from data_gen.cli import main as datagen
from retail_anomaly.core.events import POS_EVENTS
from retail_anomaly.settings import Settings, flatten, load
from tests.deploy.chart import CASES, CHART, NAMESPACE, RELEASE, ROOT, call, pick, pods, render

GENERATED = runpy.run_path(str(ROOT / "helm" / "build.py"))
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
SET_BY_CHART = {
    "state_dir": "/var/lib/retail-anomaly",
    "metrics_port": 8080,
    "metrics_address": "0.0.0.0",  # noqa: S104
    "instance_id": "",  # comes from the pod
}
README = (ROOT / "helm" / "README.head.md").read_text(encoding="utf-8")
GOOD = ("kafka.enabled=true", "influxdb.enabled=true")


@pytest.mark.parametrize("file", GENERATED["FILES"])
def test_generated_file_is_up_to_date(file):
    assert (CHART / file).read_text(encoding="utf-8") == GENERATED["FILES"][file](), "run `make docs`"


def test_every_value_is_described():
    described = {".".join(path) for path, _ in GENERATED["described"]()}

    def undescribed(node: object, path: str) -> list[str]:
        # The parts of a value that is described as a whole, such as resources, need no words of their own.
        if path in described and path.rpartition(".")[2] in {"resources", "config", "labels", "annotations"}:
            return []
        if isinstance(node, dict) and node:
            return [
                name
                for key, child in node.items()
                for name in undescribed(child, f"{path}.{key}".lstrip("."))
            ]
        return [] if path in described else [path]

    assert not undescribed(VALUES, "")


def test_schema_knows_every_value_and_no_other():
    schema = json.loads((CHART / "values.schema.json").read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    unnamed = {key for key in schema["properties"] if key not in VALUES}
    assert unnamed == {"global"}
    assert set(VALUES) <= set(schema["properties"])


# The values set, and the words of the error, which names the key and the mistake.
REFUSED = {
    "nothing said of Kafka": ([], r"config.*streamer"),
    "no broker": (["config.max_late=1h", "influxdb.enabled=true"], r"config.*streamer"),
    "a broker twice": ([*GOOD, "config.streamer.broker=kafka:9092"], r"exclude each other"),
    "no InfluxDB": (["kafka.enabled=true"], r"influxdb"),
    "no Secret for InfluxDB": (["kafka.enabled=true", "influxdb.url=http://i:8086"], r"influxdb"),
    "no InfluxDB for Grafana": (
        ["kafka.enabled=true", "sink.enabled=false", "grafana.enabled=true"],
        r"influxdb",
    ),
    "an unknown value": ([*GOOD, "streemer.replicas=1"], r"streemer"),
    "an unknown value below": ([*GOOD, "streamer.replica=1"], r"streamer.*replica"),
    "an unknown setting": ([*GOOD, "config.detectors.refund_burst.cuont=4"], r"refund_burst.*cuont"),
    "an impossible setting": ([*GOOD, "config.detectors.refund_burst.count=0"], r"refund_burst.*count"),
    "a duration without a unit": ([*GOOD, "config.max_late=24"], r"max_late"),
    "a setting that the chart makes": ([*GOOD, "config.streamer.state_dir=/tmp"], r"state_dir"),
    "a tag that moves": ([*GOOD, "image.tag=latest"], r"image.*tag"),
    "a server's tag that moves": ([*GOOD, "influxdb.image.tag=latest"], r"influxdb.*image"),
    "no tag of a server": ([*GOOD, "kafka.image.tag="], r"kafka.*image"),
    "half a digest": ([*GOOD, "image.digest=sha256:12"], r"image.*digest"),
    "idle processes": ([*GOOD, "streamer.replicas=13"], r"streamer.replicas is 13.*12 partitions"),
    "idle processes by configuration": (
        [*GOOD, "config.streamer.topics.partitions=2", "sink.replicas=3"],
        r"sink.replicas is 3.*2 partitions",
    ),
    "idle processes by autoscaling": (
        [*GOOD, "autoscaling.enabled=true", "autoscaling.maxReplicas=24"],
        r"autoscaling.maxReplicas is 24",
    ),
    "fewest above most": (
        [*GOOD, "autoscaling.enabled=true", "autoscaling.minReplicas=4"],
        r"minReplicas is above",
    ),
    "no process": ([*GOOD, "streamer.replicas=0"], r"streamer.*replicas"),
    "a password in the values": ([*GOOD, "sink.env.INFLUXDB_TOKEN=hunter2"], r"sink.*env"),
    "a generator that can't log in": (
        [*GOOD, "generator.enabled=true", "kafka.existingSecret=k"],
        r"generator.enabled",
    ),
    "a secret in the values": (
        [*GOOD, "extraEnv[0].name=KAFKA_SASL_PASSWORD", "extraEnv[0].value=hunter2"],
        r"extraEnv",
    ),
    "an Ingress without a name": (
        [*GOOD, "grafana.enabled=true", "grafana.ingress.enabled=true"],
        r"grafana.*ingress.*host",
    ),
    "a board that nobody signs in for": (
        [*GOOD, "board.enabled=true", "networkPolicy.boardFrom[0].podSelector.matchLabels.app=proxy"],
        r"board.userHeader",
    ),
    "a board that everybody reaches": (
        [*GOOD, "board.enabled=true", "board.userHeader=X-Forwarded-User"],
        r"networkPolicy.boardFrom",
    ),
    "an Ingress of the board without a name": (
        [*GOOD, "board.enabled=true", "board.ingress.enabled=true"],
        r"board.*ingress.*host",
    ),
    "two monitors of the same pods": (
        [*GOOD, "monitoring.podMonitor.enabled=true", "monitoring.serviceMonitor.enabled=true"],
        r"enable one of them",
    ),
    "a world that begins twice": (
        [*GOOD, "generator.enabled=true", "generator.start=2026-01-05"],
        r"generator.start needs generator.history=0",
    ),
    "no key for the pseudonyms": (
        [*GOOD, "config.privacy.pseudonyms=keyed"],
        r"privacy.existingSecret.*RETAIL_PSEUDONYM_KEY",
    ),
    "no key for a rotation": (
        [
            *GOOD,
            "config.privacy.pseudonyms=keyed",
            "config.privacy.rotations.RETAIL_PSEUDONYM_KEY_2=2027-01-01",
        ],
        r"privacy.existingSecret.*RETAIL_PSEUDONYM_KEY, RETAIL_PSEUDONYM_KEY_2",
    ),
    "a rotation on no day": (
        [*GOOD, "config.privacy.rotations.RETAIL_PSEUDONYM_KEY_2=soon"],
        r"rotations.*RETAIL_PSEUDONYM_KEY_2",
    ),
    "no memory limit": ([*GOOD, "sink.resources.limits.memory=null"], r"limits"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_is_refused_with_the_reason(either_helm, case):
    sets, words = REFUSED[case]
    arguments = [part for text in sets for part in ("--set", text)]
    done = call(either_helm, "template", RELEASE, str(CHART), "--namespace", NAMESPACE, *arguments)
    assert done.returncode != 0
    said = " ".join(re.sub(r"[/'\"]", ".", done.stderr).split())
    assert re.search(words, said), done.stderr


def stores_of(helm, path, *keys):
    """Return what Helm says of store ids as they stand in the values, and the ids that the streamer reads."""
    said, settings = settings_of(helm, path, *(f"{key}: {{time_zone: Europe/Oslo}}" for key in keys))
    return said, None if settings is None else set(settings.stores)


def settings_of(helm, path, *stores):
    """Return what Helm says of stores in the values, and the settings that the streamer reads."""
    path.write_text("config:\n  stores:\n" + "".join(f"    {store}\n" for store in stores))
    sets = [part for text in GOOD for part in ("--set", text)]
    done = call(helm, "template", RELEASE, str(CHART), "--values", str(path), *sets)
    if done.returncode:
        return done.stderr, None
    config = pick(tuple(yaml.safe_load_all(done.stdout)), "ConfigMap", "config")["data"]["config.yaml"]
    path.write_text(config)
    return done.stderr, load(path, environ={}).settings


def test_the_closed_days_of_a_store_reach_the_streamer_as_they_stand(helm, tmp_path):
    days = "[2026-01-06, 2026-12-24/2026-12-26, DE-BY]"
    said, settings = settings_of(
        helm, tmp_path / "values.yaml", f"berlin-1: {{closed: {days}, holidays: [2026-10-11]}}"
    )
    store = settings.stores["berlin-1"]
    assert (said, store.holidays) == ("", ("2026-10-11",))
    assert store.closed == ("2026-01-06", "2026-12-24/2026-12-26", "DE-BY")


@pytest.mark.parametrize("key", ["0012", "no", "12345678", "on", "1e3", "0x1F", "-7", "1.50", "Off"])
def test_a_store_id_that_yaml_changes_is_refused_and_two_pairs_of_quotes_keep_it(helm, tmp_path, key):
    said, ids = stores_of(helm, tmp_path / "values.yaml", "berlin-1", key)
    assert ids is None
    assert "write the id in two pairs of quotes" in said
    assert stores_of(helm, tmp_path / "values.yaml", "berlin-1", f"'\"{key}\"'") == ("", {"berlin-1", key})


@pytest.mark.parametrize("key", ['"0013"', "berlin-1", "no-7", "12-3", "1_000a", "'off '"])
def test_any_other_store_id_is_taken_as_it_stands(helm, tmp_path, key):
    assert stores_of(helm, tmp_path / "values.yaml", key)[1] == {yaml.safe_load(key)}


def test_the_values_that_were_reported_are_refused(helm):
    reported = ROOT / "tests" / "unit" / "sources" / "inputs" / "helm_store_names.yaml"
    sets = [part for text in GOOD for part in ("--set", text)]
    refused = call(helm, "template", RELEASE, str(CHART), "--values", str(reported), *sets)
    assert "config.stores: YAML does not read the key " in refused.stderr


def test_what_templates_assume_of_the_settings_is_their_default(helm):
    settings = Settings().streamer
    said = call(
        helm, "template", RELEASE, str(CHART), "--set", ",".join([*GOOD, "streamer.replicas=1000"])
    ).stderr
    assert f"the topics have {settings.topics.partitions} partitions" in said
    for sets, group in ((), settings.consumer_group), (("config.streamer.consumer_group=mine",), "mine"):
        scaled = pick(
            render(helm, None, *GOOD, *sets, "autoscaling.enabled=true"), "ScaledObject", "streamer"
        )
        (trigger,) = scaled["spec"]["triggers"]
        assert trigger["metadata"]["consumerGroup"] == group
        assert trigger["metadata"]["topic"] == POS_EVENTS


def test_the_topics_have_the_prefix_of_the_settings_for_the_scaler_and_the_generator(helm):
    sets = [
        *GOOD,
        "config.streamer.topic_prefix=shops.",
        "generator.enabled=true",
        "autoscaling.enabled=true",
    ]
    rendered = render(helm, None, *sets)
    (trigger,) = pick(rendered, "ScaledObject", "streamer")["spec"]["triggers"]
    assert trigger["metadata"]["topic"] == f"shops.{POS_EVENTS}"
    assert trigger["metadata"]["consumerGroup"] == "shops.retail-anomaly"
    (generator,) = pick(rendered, "Job", "generator")["spec"]["template"]["spec"]["containers"]
    command = generator["command"]
    assert command[command.index("--topic-prefix") + 1] == "shops."


# Numbers around the limits of the generator's options.
NUMBERS = [
    (value, number)
    for value in ("stores", "history", "days", "seed", "speedup", "incidentRate")
    for number in (-1, 0, 0.5, 1, 2)
]


@pytest.mark.parametrize(("value", "number"), [*NUMBERS, ("seed", 20260105), ("stores", 20260105)])
def test_the_chart_takes_the_numbers_that_the_generator_takes(helm, tmp_path, capsys, value, number):
    file = tmp_path / "values.yaml"
    # The option of one value excludes that of another.
    given = {"history": 0} | {value: number}
    file.write_text(yaml.safe_dump({"generator": {"enabled": True, **given}}))
    sets = [part for text in GOOD for part in ("--set", text)]
    done = call(helm, "template", RELEASE, str(CHART), "--values", str(file), *sets)
    option = "--" + re.sub(r"[A-Z]", lambda capital: f"-{capital[0].lower()}", value)
    command = ["retail-datagen", "stream", "--broker", "kafka:9092", option, str(number)]
    if done.returncode == 0:
        job = pick(tuple(m for m in yaml.safe_load_all(done.stdout) if m), "Job", "generator")
        (container,) = job["spec"]["template"]["spec"]["containers"]
        command = container["command"]

    # The command looks at this option last, so an error about it says that the others are good.
    assert datagen([*command[1:], "--property", "none"]) == 2

    is_good = "--property: expected name=value" in capsys.readouterr().err
    assert is_good == (done.returncode == 0), (command, done.stderr)


# Helm reads a large whole number of a file as a float.
LARGE = """
generator: {enabled: true, stores: 1234567, history: 1234567, days: 1234567, seed: 1234567}
autoscaling: {enabled: true, lagThreshold: 1234567}
monitoring: {prometheusRule: {enabled: true, lag: 1234567}}
influxdb: {enabled: true, retentionSeconds: 1234567}
config: {streamer: {topics: {partitions: 1234567}}}
"""


def test_large_whole_numbers_stay_whole(either_helm, tmp_path):
    (tmp_path / "values.yaml").write_text(LARGE)

    found = json.dumps(render(either_helm, tmp_path / "values.yaml", "kafka.enabled=true"))

    assert not re.findall(r"\S*1\.234567e\S*", found)
    assert found.count("1234567") >= LARGE.count("1234567")


def test_readme_lists_the_parts(helm):
    rows = re.findall(r"^\| ((?:`[\w-]+`(?:, )?)+) \| ", README, re.MULTILINE)
    named = {part for row in rows for part in re.findall(r"`([\w-]+)`", row)}
    found = {
        metadata["labels"]["app.kubernetes.io/component"]
        for values in CASES.values()
        for _, metadata, _ in pods(render(helm, values))
    }
    assert named == found - {"test"}


def test_good_values_of_the_cases_above_are_taken(either_helm):
    assert render(either_helm, None, *GOOD)


@pytest.mark.parametrize("case", CASES)
def test_configuration_is_what_the_commands_read(helm, tmp_path, case):
    """Read the rendered file as a command does: each key is known, each value is the one asked for."""
    manifests = render(helm, CASES[case])
    file = tmp_path / "config.yaml"
    file.write_text(pick(manifests, "ConfigMap", "config")["data"]["config.yaml"])
    loaded = load(file, environ={})

    asked = yaml.safe_load(CASES[case].read_text()).get("config", {})
    asked.setdefault("streamer", {}).setdefault(
        "broker", "shops-retail-anomaly-kafka.loss-prevention.svc:9092"
    )
    asked["streamer"] |= SET_BY_CHART
    (tmp_path / "asked.yaml").write_text(yaml.safe_dump(asked))
    assert flatten(loaded.settings) == flatten(load(tmp_path / "asked.yaml", environ={}).settings)


def test_all_defaults_pass_through_the_chart(helm, tmp_path):
    """Every setting at once, as the packaged config.yaml has it: none is lost or changes its type."""
    config = yaml.safe_load((ROOT / "retail_anomaly" / "settings" / "config.yaml").read_text())
    for key in SET_BY_CHART:
        del config["streamer"][key]
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump({"config": config, "influxdb": {"enabled": True}}))
    file = tmp_path / "config.yaml"
    file.write_text(pick(render(helm, values), "ConfigMap", "config")["data"]["config.yaml"])
    wanted = flatten(Settings()) | {f"streamer.{key}": value for key, value in SET_BY_CHART.items()}
    assert flatten(load(file, environ={}).settings) == wanted
