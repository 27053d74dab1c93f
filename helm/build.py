"""Write the schema of the chart's values and its README: ``make docs``. A test compares them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from retail_anomaly.settings import json_schema

HELM = Path(__file__).parent
CHART = HELM / "retail-anomaly"
# The README shows these values with all that they hold.
_WHOLE = ("resources", "labels", "annotations")
# The chart sets these settings itself: a value of yours would have no effect.
_SET_BY_CHART = ("state_dir", "metrics_port", "metrics_address", "instance_id")


def schema() -> str:
    """Return values.schema.json: draft 7, which Helm 3 and 4 both know."""
    # A round trip through JSON copies the parts that YAML shares by an anchor.
    # Each then gets descriptions of its own.
    own = json.loads(json.dumps(yaml.safe_load((HELM / "values.schema.yaml").read_text(encoding="utf-8"))))
    settings = json.loads(json.dumps(json_schema()).replace("#/$defs/", "#/definitions/"))
    definitions = {**own.pop("definitions"), **settings["$defs"]}
    definitions.pop("Settings", None)
    root = _resolve(settings, definitions)
    definitions["Settings"] = {
        key: value for key, value in root.items() if not key.startswith("$") and key != "title"
    }
    for key in _SET_BY_CHART:
        del definitions["StreamerSettings"]["properties"][key]
    for path, text in described():
        _describe(own, path, text)
    _close(own)
    for definition in definitions.values():
        _close(definition)
    draft = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of the chart retail-anomaly",
    }
    return json.dumps({**draft, **own, "definitions": definitions}, indent=1) + "\n"


def _resolve(settings: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in settings:
        return settings
    named: dict[str, Any] = json.loads(json.dumps(settings["$defs"][settings["$ref"].rsplit("/", 1)[1]]))
    definitions.setdefault("Settings", named)
    return named


def _describe(node: dict[str, Any], path: tuple[str, ...], text: str) -> None:
    for key in path[:-1]:
        node = node["properties"][key]
        if "$ref" in node:
            return  # described once, in the definition's place in the README
    child = node.get("properties", {}).get(path[-1])
    if child is not None:
        # Draft 7 ignores the keys beside a reference, so the reference is wrapped.
        if "$ref" in child:
            child["allOf"] = [{"$ref": child.pop("$ref")}]
        child["description"] = text


def _close(node: Any) -> None:
    """Refuse unknown keys in each object that lists its keys, but not in conditions."""
    if not isinstance(node, dict):
        return
    if node.get("type") == "object" and "properties" in node:
        node.setdefault("additionalProperties", False)
    for key in ("properties", "definitions"):
        for child in node.get(key, {}).values():
            _close(child)
    _close(node.get("items"))


def described() -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the path of each value that has a comment directly above it, and the comment."""
    path: list[str] = []
    comment: list[str] = []
    for line in (CHART / "values.yaml").read_text(encoding="utf-8").splitlines():
        if found := re.fullmatch(r"\s*# (.*)", line):
            comment.append(found[1])
        elif found := re.match(r"( *)([A-Za-z]\w*):", line):
            path[len(found[1]) // 2 :] = [found[2]]
            if comment:
                yield tuple(path), " ".join(comment)
            comment = []
        else:
            comment = []


def readme() -> str:
    """Return the chart's README: how to install it, and every value."""
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    rows = []
    for path, text in described():
        value: Any = values
        for key in path:
            value = value[key]
        shown = (
            "" if isinstance(value, dict) and value and path[-1] not in _WHOLE else f"`{json.dumps(value)}`"
        )
        rows.append(f"| `{'.'.join(path)}` | {shown} | {text.replace('|', '&#124;')} |")
    head = (HELM / "README.head.md").read_text(encoding="utf-8")
    return "\n".join(
        [
            "<!-- Written by `make docs` from values.yaml and README.head.md; do not edit. -->\n",
            head.format(**chart),
            "## Values\n",
            "| value | default | meaning |",
            "| --- | --- | --- |",
            *rows,
            "",
        ]
    )


FILES = {"values.schema.json": schema, "README.md": readme}

if __name__ == "__main__":
    for name, write in FILES.items():
        (CHART / name).write_text(write(), encoding="utf-8")
