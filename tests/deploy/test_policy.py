"""Policy checks of others: checkov over the manifests and the images' recipes, hadolint over the recipes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from retail_anomaly.settings import Settings, flatten
from tests.deploy.chart import CASES, CHART, ROOT, render
from tests.support.waiting import PATIENCE_S

DOCKERFILES = [ROOT / "Dockerfile", ROOT / "streamer" / "dockerfile"]

# Exceptions: the check, where it may fail, and why that is right.
ACCEPTED = {
    "CKV_K8S_11": (
        r".*",
        "No CPU limit: it would throttle a process that catches up, although the node has time to spare. "
        "Requests are set, and memory is limited.",
    ),
    "CKV_K8S_15": (
        r".*",
        "Images are pinned by version or digest, and `latest` is refused: asking the registry at each start "
        "would only make a restart depend on it.",
    ),
    "CKV_K8S_35": (
        r"(StatefulSet|Deployment|Job|Pod)\..*-"
        r"(streamer|store-metrics|returns|triage|notify|sink|board|topics-\w+|influxdb-bootstrap-\w+|test-\w+)$",
        "Our commands take secrets from the environment alone, so that none stands in a file or a command "
        "line. Grafana gets its own as files.",
    ),
    "CKV_K8S_40": (
        r"(StatefulSet|Deployment)\..*-(kafka|influxdb|grafana)$",
        "Images of others run as the user that their publisher made for them; ours is 10001.",
    ),
    "CKV_K8S_43": (
        r".*",
        "The operator decides where an image lies, and so its digest; values-prod.yaml names one, and has no "
        "such failure.",
    ),
    "CKV_K8S_8": (r"Pod\..*-test-\w+$", "A `helm test` pod ends within seconds."),
    "CKV_K8S_9": (r"Pod\..*-test-\w+$", "A `helm test` pod serves nobody."),
    "CKV_DOCKER_2": (
        r".*",
        "The image has several roles; the chart's probes and compose ask each in its own way.",
    ),
    "CKV_DOCKER_3": (
        r"streamer/dockerfile",
        "As Quix's own template has it: its platform mounts the state folder. The chart's image has a user.",
    ),
}


@pytest.fixture(scope="module")
def failed(checkov, helm, tmp_path_factory) -> list[tuple[str, str, str]]:
    """Give id, resource and name of each check that failed."""
    folder: Path = tmp_path_factory.mktemp("rendered")
    for case, values in CASES.items():
        # Where the cluster chooses the user of a pod, it also judges the user.
        user = ["podSecurityContext.fixedUser=true"] if case == "house-rules" else []
        (folder / f"{case}.yaml").write_text(yaml.safe_dump_all(render(helm, values, *user)))
    for number, recipe in enumerate(DOCKERFILES):
        (folder / str(number)).mkdir()
        (folder / str(number) / "Dockerfile").write_text(recipe.read_text())
    # By the interpreter beside it: its script starts with `env python`. It asks its maker for nothing.
    command = [str(checkov.parent / "python"), str(checkov), "--directory", str(folder), "--skip-download"]
    options = ["--framework", "kubernetes", "dockerfile", "--quiet", "--compact", "--output", "json"]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"LOG_LEVEL": "ERROR"}
    done = subprocess.run(
        [*command, *options], capture_output=True, text=True, timeout=800, check=False, env=environment
    )
    reports = json.loads(done.stdout)
    assert {report["check_type"] for report in reports} == {"kubernetes", "dockerfile"}, done.stderr
    assert all(report["summary"]["passed"] > 20 for report in reports)
    assert not any(report["summary"]["parsing_errors"] for report in reports)
    found = []
    for report in reports:
        for check in report["results"]["failed_checks"]:
            place = check["file_path"].strip("/")
            for number, recipe in enumerate(DOCKERFILES):
                if place == f"{number}/Dockerfile":
                    place = str(recipe.relative_to(ROOT))
            resource = place if report["check_type"] == "dockerfile" else check["resource"]
            found.append((check["check_id"], f"{resource}", f"{place}: {check['check_name']}"))
    return found


def test_checkov_finds_nothing_that_has_no_reason(failed):
    unexpected = [
        f"{check} {resource} ({name})"
        for check, resource, name in failed
        if check not in ACCEPTED or not re.fullmatch(ACCEPTED[check][0], resource)
    ]
    assert not unexpected, "\n".join(sorted(set(unexpected)))


def test_each_exception_is_still_one(failed):
    assert set(ACCEPTED) == {check for check, _, _ in failed}


def test_production_values_need_fewer(failed):
    in_production = {check for check, _, name in failed if name.startswith("values-prod.yaml")}
    assert in_production == {"CKV_K8S_11", "CKV_K8S_35", "CKV_K8S_8", "CKV_K8S_9"}


@pytest.mark.parametrize("recipe", DOCKERFILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_hadolint(recipe):
    hadolint = Path(sys.executable).parent / "hadolint"
    done = subprocess.run(
        [str(hadolint), str(recipe)], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_image_is_pinned_small_and_runs_as_a_user():
    """Rules that hadolint does not have."""
    recipe = (ROOT / "Dockerfile").read_text()
    last = recipe[recipe.rindex("\nFROM ") :]
    assert re.search(r"^ARG PYTHON=3\.\d+\.\d+-slim-\w+$", recipe, re.MULTILINE)
    assert "USER 10001:10001" in last
    assert "STOPSIGNAL SIGTERM" in last
    assert "org.opencontainers.image.version" in last
    # Nothing is installed in the last stage, a compiler least of all.
    assert not re.search(r"apt|pip|gcc|build-essential", last)
    assert "--constraint constraints.txt --requirement streamer/requirements.txt" in " ".join(recipe.split())
    set_here = dict(re.findall(r"(RETAIL__\w+)=(\S+)", last))
    assert set_here == {"RETAIL__STREAMER__STATE_DIR": "/var/lib/retail-anomaly"}
    assert "streamer.state_dir" in flatten(Settings())


def test_image_copies_what_its_build_context_holds():
    recipe = (ROOT / "Dockerfile").read_text()
    copied = [
        path
        for line in re.findall(r"^COPY (?!--from)(.+) \S+$", recipe, re.MULTILINE)
        for path in line.split()
    ]
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignored
    sent = {line[1:] for line in ignored if line.startswith("!")}
    assert {path.split("/")[0] for path in copied} == sent
    assert all((ROOT / path).exists() for path in copied)


def test_one_version_everywhere():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert {chart["version"], chart["appVersion"]} == {version}
    assert f"\nARG VERSION={version}\n" in (ROOT / "Dockerfile").read_text()
    pages = [ROOT / "Dockerfile", ROOT / "docs" / "deploy.md", CHART / "README.md", ROOT / "compose.yaml"]
    for page in pages:
        named = set(re.findall(r"\bretail-anomaly:(\d[\w.]*)", page.read_text()))
        assert named == {version}, page
