"""Write the pages that come from the code: ``make docs``. A test compares them."""

import inspect
import re
from pathlib import Path

import msgspec
import plotly.graph_objects as go

from docs.event_schema import fields_page
from docs.pack_tables import packs_page
from retail_anomaly import plots
from retail_anomaly.detectors import REGISTRY, Range
from retail_anomaly.settings import Settings, flatten, json_schema

FOLDER = Path(__file__).parent
_README_ROW = r"^\| `(\w+)` \| `[A-Z_]+` \| .* \|\n"
_NOTICE = "<!-- Written by `make docs` from the code; do not edit. -->\n"

_CONFIGURATION = """\
```sh
retail-anomaly config show                 # each value, and where it comes from
retail-anomaly config check my-config.yaml # mistakes in a file
retail-anomaly config schema               # JSON Schema, for your editor
```

Write your own values into a YAML file and name it with `--config`. Copy from the commented defaults in
`retail_anomaly/settings/config.yaml`. The environment overrides the file
(`RETAIL__DETECTORS__REFUND_BURST__COUNT=4`), and flags override the environment. Write durations as
`10m` or `PT10M`.
"""

_STORES = """\
`stores:` gives a store its time zone, its closed days, and any parameter of a detector that differs there:

```yaml
stores:
  munich-1:
    time_zone: Europe/Berlin
    closed: [DE-BY, 2026-12-24]                 # the public holidays of Bavaria, and Christmas Eve
    holidays: [2026-12-31, 2027-01-02/2027-01-05] # open, with fewer customers than usual
    detectors:
      refund_burst: {amount: 50}
```

`closed` and `holidays` list dates, ranges and regions. A region is a country of ISO 3166, with or without
a subdivision, and stands for its public holidays: `GB-ENG`, `US-CA`, `FR`. Norway needs quotes (`"NO"`), for
YAML reads a bare `NO` as false. The holidays come from the library
holidays (`pip install '.[holidays]'`), without a network. [models.md](models.md#closed-days-and-holidays)
says how they are judged.

A store that is not listed uses UTC. What a store does not give itself comes from `detectors:`.
`retail-anomaly tune` looks for values of `detectors:` and leaves a store's own as they are.
"""

_FIGURES = """\
```python
from retail_anomaly import plots, read_alerts

plots.timeline(read_alerts("alerts.jsonl"))
```

Each function takes DataFrames and returns one Plotly figure; it shows and writes nothing.
`help(plots.timeline)` names the columns. An alert has the colour and the shape of its type in each
figure and counts once, with the values of its last revision. `zones` sets the time zone of the stores,
as one name for all or as one for each store id. It decides their days and hours; the axis names the
clock.
"""

_PAGES_OF_FIGURES = """\
`retail-anomaly report` puts the figures on one page: the alerts by time and place, by store, by
employee, by day and hour, and the first alerts to look at, with their evidence. `--incidents` adds the
incidents that were found and missed. `--events` adds the sales behind the alerts, the rates, each
cashier beside the others, the refunds that could not be judged, by reason, and the quality of the data.
The page opens offline, prints on A4 and stays under 6 MB: for a large chain it draws the 30 stores with
the most alerts, and says so.
`retail-anomaly evaluate --html` writes a page about the scorecard in the same way.
"""


def detectors() -> str:
    """Return the page about the detectors: what each looks for, its parameters, its blind spots."""
    parts = [_NOTICE, "# Detectors\n", "An alert is a suspicion with its evidence; it accuses nobody.\n"]
    for name, detector in REGISTRY.items():
        described = (inspect.getdoc(detector) or "").split("\n\nExamples\n")[0]
        paragraphs = described.split("\n\n")
        parts.append(f"## `{name}` raises `{detector.alert_type}`\n")
        parts += [" ".join(paragraph.split()) + "\n" for paragraph in paragraphs]
        ranges = detector.Parameters.ranges()
        rows = ["| parameter | default | tuned within | meaning |", "| --- | --- | --- | --- |"]
        for field in msgspec.inspect.type_info(detector.Parameters).fields:  # type: ignore[attr-defined]
            meaning = field.type.extra_json_schema["description"]
            default = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
            limits = _limits(ranges.get(field.name), type(default))
            rows.append(f"| `{field.name}` | {_shown(default)} | {limits} | {meaning} |")
        parts.append("\n".join(rows) + "\n")
    return "\n".join(parts)


def readme() -> str:
    """Return the README with a row for each detector; a row that is there stays as it is written."""
    text = (FOLDER.parent / "README.md").read_text(encoding="utf-8")
    rows = {match[1]: match[0] for match in re.finditer(_README_ROW, text, re.MULTILINE)}
    for name, detector in REGISTRY.items():
        summary = " ".join((inspect.getdoc(detector) or "").split("\n\n")[0].split())
        when = summary.removeprefix("Alert when ").removesuffix(".")
        rows.setdefault(name, f"| `{name}` | `{detector.alert_type}` | {when} |\n")
    table = "".join(rows[name] for name in REGISTRY)
    return re.sub(rf"(?m)(?:{_README_ROW})+", lambda _: table, text, count=1)


def configuration() -> str:
    """Return the page about the configuration: every key with its default and meaning."""
    described = _descriptions(json_schema())
    rows = ["| key | default | meaning |", "| --- | --- | --- |"]
    for path, value in flatten(Settings()).items():
        rows.append(f"| `{path}` | {_shown(value)} | {described.get(path, '')} |")
    return "\n".join(
        [
            _NOTICE,
            "# Configuration\n",
            _CONFIGURATION,
            "\n".join(rows),
            "",
            _STORES,
        ]
    )


def figures() -> str:
    """Return the page about the figures: each function, what it draws, what it is given."""
    rows = ["| `plots.` | draws | from |", "| --- | --- | --- |"]
    others = ["| `plots.` | returns |", "| --- | --- |"]
    for name in plots.__all__:
        found = getattr(plots, name)
        if not inspect.isfunction(found):
            continue
        words = " ".join((inspect.getdoc(found) or "").split("\n\n")[0].split())
        signature = inspect.signature(found)
        if signature.return_annotation is go.Figure:
            words = words.removeprefix("Draw ").rstrip(".")
            taken = ", ".join(f"`{name}`" for name in signature.parameters)
            rows.append(f"| `{name}` | {words} | {taken} |")
        else:
            words = words.removeprefix("Return ")
            others.append(f"| `{name}` | {words[:1].upper()}{words[1:]} |")
    return "\n".join(
        [
            _NOTICE,
            "# Figures\n",
            _FIGURES,
            "\n".join(rows),
            "",
            "These prepare the data of a figure:\n",
            "\n".join(others),
            "",
            _PAGES_OF_FIGURES,
        ]
    )


def fields() -> str:
    """Return the page about the fields of the events, with an example of every type."""
    return fields_page(_NOTICE)


def packs() -> str:
    """Return the page about the packaged rules, with what they find and how loud they are."""
    return packs_page(_NOTICE, FOLDER / "packs.json")


def _descriptions(schema: dict[str, object], path: str = "") -> dict[str, str]:
    found: dict[str, str] = {}

    def walk(node: object, path: str) -> None:
        if not isinstance(node, dict):
            return
        if "$ref" in node:
            name = str(node["$ref"]).rsplit("/", 1)[1]
            walk(schema["$defs"][name], path)  # type: ignore[index]
            return
        for part in node.get("anyOf", []) + node.get("allOf", []):
            walk(part, path)
        if "description" in node and path:
            found.setdefault(path, str(node["description"]))
        for key, value in node.get("properties", {}).items():
            walk(value, f"{path}.{key}" if path else key)

    walk(schema, path)
    return found


def _limits(limits: Range | None, kind: type) -> str:
    return f"{_shown(kind(limits.low))} to {_shown(kind(limits.high))}" if limits else ""


def _shown(value: object) -> str:
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


PAGES = {
    "../README.md": readme,
    "detectors.md": detectors,
    "configuration.md": configuration,
    "figures.md": figures,
    "fields.md": fields,
    "packs.md": packs,
}

if __name__ == "__main__":
    for page, write in PAGES.items():
        (FOLDER / page).write_text(write(), encoding="utf-8")
