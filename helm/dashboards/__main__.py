"""Write the chart's dashboards and Grafana's alert rules: ``python -m helm.dashboards``."""

import json
from pathlib import Path
from typing import Final

import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from helm.dashboards.boards import BOARDS
from helm.dashboards.rules import rules

FOLDER: Final = Path(__file__).parents[1] / "retail-anomaly" / "dashboards"
_NOTICE: Final = "# Written by `python -m helm.dashboards`; do not edit.\n"


def files() -> dict[Path, str]:
    """Return the text of each file by its path."""
    texts = {
        FOLDER / f"{name}.json": json.dumps(board(), cls=JSONEncoder, indent=2, sort_keys=True) + "\n"
        for name, board in BOARDS.items()
    }
    # Grafana expands $name in provisioning files as an environment variable, and $$ as a dollar.
    text = yaml.safe_dump(rules(), sort_keys=False, width=1_000).replace("$", "$$")
    texts[FOLDER / "alerting" / "rules.yaml"] = _NOTICE + text
    return texts


if __name__ == "__main__":
    for path, text in files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
