"""Record both models: `python -m tests.unit.models.recorded`."""

from __future__ import annotations

import json
from base64 import b64encode

from tests.unit.models.recorded import FOLDER, play, stored_at_cuts


def main() -> None:
    alerts, scores = play()
    (FOLDER / "alerts.jsonl").write_text(
        "".join(json.dumps(alert, separators=(",", ":")) + "\n" for alert in alerts)
    )
    (FOLDER / "scores.json").write_text(json.dumps(scores, indent=0) + "\n")
    records = FOLDER / "records.json"
    if not records.exists():
        stored = {
            cut: {name: b64encode(content).decode() for name, content in sorted(disk.items())}
            for cut, disk in stored_at_cuts().items()
        }
        records.write_text(json.dumps(stored, indent=0) + "\n")


if __name__ == "__main__":
    main()
