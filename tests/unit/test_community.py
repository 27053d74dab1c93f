"""What stands at the root of the repository: versions that agree, workflows that call what exists."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))

# Packages and the signed record of where they come from; never the contents of the repository.
PUBLISHES = {"contents": "read", "packages": "write", "id-token": "write", "attestations": "write"}


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def load(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # noqa: S506 - "on" stays a text
    return loaded


def steps(workflow: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for job in workflow["jobs"].values():
        yield from job["steps"]


def test_the_citation_has_the_version_and_the_licence_of_the_package():
    citation = load(ROOT / "CITATION.cff")
    project = tomllib.loads(read("pyproject.toml"))["project"]
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert [citation["version"], citation["license"]] == [project["version"], project["license"]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
class TestWorkflow:
    def test_it_may_only_read_or_publish_a_tag(self, path: Path):
        workflow = load(path)
        assert workflow["permissions"] == {"contents": "read"}
        more = {name: job["permissions"] for name, job in workflow["jobs"].items() if "permissions" in job}
        if workflow["on"] == {"push": {"tags": ["v*"]}}:
            assert more == {"publish": PUBLISHES}
        else:
            assert more == {}

    def test_it_runs_no_code_of_a_pull_request_with_secrets(self, path: Path):
        assert set(load(path)["on"]) <= {"push", "pull_request"}
        assert "secrets." not in path.read_text()

    def test_each_action_is_pinned_to_a_commit_and_names_its_version(self, path: Path):
        uses = re.findall(r"uses: (.*)", path.read_text())
        assert uses
        assert not [
            action for action in uses if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v[\d.]+", action)
        ]

    def test_each_job_ends_by_itself(self, path: Path):
        assert not [name for name, job in load(path)["jobs"].items() if "timeout-minutes" not in job]

    def test_each_step_calls_what_exists(self, path: Path):
        called = "\n".join(step["run"] for step in steps(load(path)) if "run" in step)
        scripts = [ROOT / name for name in re.findall(r"(?m)^\.ci/\w+", called)]
        assert all(script.stat().st_mode & 0o111 for script in scripts)
        targets = re.findall(r"\bmake ([\w-]+)", called)
        assert not [name for name in targets if not re.search(rf"^{name}:", read("Makefile"), re.MULTILINE)]


def test_the_workflows_run_the_whole_check_and_build_all_that_users_install():
    called = [step.get("run", "") for path in WORKFLOWS for step in steps(load(path))]
    assert {".ci/run", ".ci/wheel", "make site"} <= set(called)
    assert any(command.startswith("docker build ") for command in called)


def test_a_release_publishes_the_images_and_the_chart_and_signs_each():
    release = list(steps(load(ROOT / ".github" / "workflows" / "release.yml")))
    called = "\n".join(step.get("run", "") for step in release)
    pushed = {"charts/retail-anomaly", *re.findall(r"^push (\S+)", called, re.MULTILINE)}
    assert "helm push dist/retail-anomaly-*.tgz" in called
    assert "--sbom=true --provenance=mode=max" in called
    signed = [step["with"] for step in release if "attest-build-provenance" in step.get("uses", "")]
    assert {each["subject-name"].partition("}}/")[2] for each in signed} == pushed
    assert all(each["push-to-registry"] == "true" for each in signed)
    # The board's libraries are those of the page.
    (libraries,) = [step["env"]["BOARD"] for step in release if "BOARD" in step.get("env", {})]
    assert f'--build-arg WITH="{libraries}"' in read("docs/deploy.md")


def test_each_exception_from_the_style_is_for_files_that_exist():
    ignored = tomllib.loads(read("pyproject.toml"))["tool"]["ruff"]["lint"]["per-file-ignores"]
    skipped = {".venv", ".cache", ".git"}
    assert not [
        pattern
        for pattern in ignored
        if not any(skipped.isdisjoint(path.parts) for path in ROOT.glob(pattern))
    ]
