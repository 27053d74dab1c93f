"""Draw the layers of the code as `docs/images/architecture.svg`: ``make docs``. A test compares them.

The order comes from the import rules in `pyproject.toml`: the picture cannot differ from the checked layers.
"""

import tomllib
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

ROOT = Path(__file__).parents[1]
PICTURE = Path(__file__).parent / "images" / "architecture.svg"

# A few words about each part: they stand in its box.
ABOUT = {
    "streamer": {
        "cli": "retail-streamer",
        "notebook": "live board, feeds",
        "detection": "events to alerts",
        "store_metrics": "sales per 5 minutes",
        "triage_app": "alerts to cases",
        "notify": "alerts to people",
        "sinks": "topics to InfluxDB",
        "process": "wires every Quix process",
        "quix": "private names of Quix Streams",
        "observe": "metrics, health, logs",
        "kafka": "topics, connection, offsets",
        "errors": "errors of the streamer",
        "web": "requests with deadlines",
    },
    "data_gen": {
        "": "simulated stores with known incidents",
    },
    "retail_anomaly": {
        "cli": "retail-anomaly: one frame for all commands",
        "report": "the HTML page about alerts",
        "tune": "search for parameters",
        "evaluate": "alerts against incidents: the scorecard",
        "replay": "the engine over history",
        "plots": "one function, one figure",
        "frames": "alerts and incidents as DataFrames, in words",
        "sources": "files and DataFrames to events",
        "settings": "YAML, environment, flags",
        "contract": "checks that every detector passes",
        "workers": "stores shared among processes",
        "whole_file": "files replaced when complete",
        "rules": "rules as data, and the packs",
        "notifications": "who is told of which alert, and when",
        "detectors": "one file for each detector, and the registry",
        "cases": "alerts to cases, verdicts, reading order",
        "detector": "one import for authors",
        "models": "statistics that learn online",
        "core": "events, engine, memory, alerts",
    },
}

WIDTH, MARGIN, GAP, HEIGHT = 1000, 24, 8, 46
INK, LINE, PAPER = "#1f2933", "#9aa5b1", "#ffffff"
FILLS = {"streamer": "#e3f0ee", "data_gen": "#f4ecdf", "retail_anomaly": "#e8edf5", "core": "#c9d6ea"}
FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"


class Box(NamedTuple):
    """A part of the code in the picture."""

    x: float
    y: float
    width: float
    name: str
    about: str
    fill: str

    def svg(self) -> str:
        """Return the box with its two lines of text."""
        middle = self.x + self.width / 2
        return (
            f'<rect x="{self.x:g}" y="{self.y:g}" width="{self.width:g}" height="{HEIGHT}" rx="5" '
            f'fill="{self.fill}" stroke="{LINE}"/>'
            f'<text x="{middle:g}" y="{self.y + 19:g}" class="name">{escape(self.name)}</text>'
            f'<text x="{middle:g}" y="{self.y + 36:g}" class="about">{escape(self.about)}</text>'
        )


def layers(package: str) -> list[list[str]]:
    """Return the layers of a package from the top to the bottom, as the import rules have them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    for contract in project["tool"]["importlinter"]["contracts"]:
        if contract.get("containers") == [package]:
            return [
                [name.strip("() ") for name in row.replace("|", ":").split(":")] for row in contract["layers"]
            ]
    raise LookupError(f"pyproject.toml has no layers for {package}")


def stack(package: str, rows: list[list[str]], x: float, y: float, width: float) -> list[Box]:
    """Return the boxes of a package's layers, one row below the other."""
    boxes = []
    for row, names in enumerate(rows):
        each = (width - GAP * (len(names) - 1)) / len(names)
        for column, name in enumerate(names):
            fill = FILLS.get(name, FILLS[package])
            place = x + column * (each + GAP), y + row * (HEIGHT + GAP)
            boxes.append(Box(*place, each, name, ABOUT[package][name], fill))
    return boxes


def frame(title: str, x: float, y: float, width: float, height: float) -> str:
    """Return the outline of a package with its name."""
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="8" fill="none" stroke="{LINE}" '
        f'stroke-width="1.5"/><text x="{x + 12:g}" y="{y + 21:g}" class="title">{escape(title)}</text>'
    )


def architecture() -> str:
    """Return the picture: two hosts on top of the package, each with its layers."""
    inside = GAP + 4
    parts: list[str] = []

    above = layers("streamer")
    half = (WIDTH - 2 * MARGIN - 16) * 0.62
    top, tall = MARGIN, 30 + len(above) * (HEIGHT + GAP) + 4
    parts.append(frame("streamer/", MARGIN, top, half, tall))
    parts += [box.svg() for box in stack("streamer", above, MARGIN + inside, top + 30, half - 2 * inside)]

    left = MARGIN + half + 16
    rest = WIDTH - MARGIN - left
    parts.append(frame("data_gen/", left, top, rest, 30 + HEIGHT + GAP + 4))
    about = ABOUT["data_gen"][""]
    parts.append(Box(left + inside, top + 30, rest - 2 * inside, "simulator", about, FILLS["data_gen"]).svg())
    notes = [
        "Imports point down, and never up.",
        "Boxes side by side may import each other.",
        "The two hosts do not know each other.",
        "Only streamer/quix touches private names",
        "of Quix Streams.",
        "The core imports no pandas, no Kafka, no clock.",
    ]
    first = top + 30 + HEIGHT + GAP + 40
    parts += [
        f'<text x="{left + 6:g}" y="{first + 24 * row:g}" class="note">{escape(note)}</text>'
        for row, note in enumerate(notes)
    ]

    below = layers("retail_anomaly")
    under = top + tall + 16
    deep = 30 + len(below) * (HEIGHT + GAP) + 4
    parts.append(frame("retail_anomaly/", MARGIN, under, WIDTH - 2 * MARGIN, deep))
    wide = WIDTH - 2 * MARGIN - 2 * inside
    parts += [box.svg() for box in stack("retail_anomaly", below, MARGIN + inside, under + 30, wide)]

    height = under + deep + MARGIN
    style = (
        f"text{{font-family:{FONT};fill:{INK}}}.name{{font-size:15px;font-weight:600;text-anchor:middle}}"
        ".about{font-size:12.5px;text-anchor:middle}.title{font-size:15px;font-weight:700}.note{font-size:14px}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" role="img" '
        'aria-label="The layers of the code: streamer and data_gen stand on retail_anomaly">\n'
        f'<style>{style}</style>\n<rect width="{WIDTH}" height="{height:g}" fill="{PAPER}"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


if __name__ == "__main__":
    PICTURE.write_text(architecture(), encoding="utf-8")
