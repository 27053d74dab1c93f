"""The page about the packaged rules: written from their files and from docs/packs.json."""

from pathlib import Path
from typing import Any

import msgspec

from retail_anomaly.rules import Rule, load_rules
from retail_anomaly.rules.choice import DEFAULT_CHOICE

_INTRODUCTION = """\
```yaml
rules: {packs: [pos], choice: default}
```

`pos` has %(count)d rules for tills. `grocery` and `fashion` are the same rules with other thresholds. All
start in the shadow: their alerts go to the topic `shadow-alerts`, and to nobody. `choice: default` makes the
%(chosen)d rules live whose column "default" says yes. `rules.set` and `retail-streamer rules promote` make
any other one live.

`retail-anomaly rules backtest pos LOG` gives the same figures for your own stores, and those count.
"""
_FIGURES = """\
## Alerts and incidents in simulated stores

```sh
python -m benchmarks.pack_alerts    # writes docs/packs.json
```

Honest trade is %(store_days)s store-days without an incident (%(honest)s). People void, override, discount,
count their cash, practise and suspend receipts as usual, and there are the honest days that only look like
theft. There **the default choice raises %(chosen_rate).3f alerts a store-day**, and all %(count)d rules
together raise %(all_rate).3f.

"Found" counts the incidents of the rule's own scenario in other worlds (%(tricks)s). An incident that the
last day cuts off, or that had fewer chances than the rule's limit, counts as missed.
"""
_MORE = """\
A rate of 0 says that the simulator's honest people do not do it, not that yours don't. Their mistakes are
independent of each other, and no scanner of theirs is broken. Closed days and night shifts are not simulated.

`post_void` tells of each voided receipt, with a risk by the time since its sale. It is loud by its nature, so
the default choice has `post_void_cash` in its place: two cash receipts of one cashier on a day. The other
rules outside the default choice need a list, hours or habits that only you know.

To change a packaged rule under a name of your own, extend it:
`retail-anomaly rules new my_drawer --like pos/no_sale_abuse`.
"""


def packs_page(notice: str, figures: Path) -> str:
    """Return the page.

    Parameters
    ----------
    notice
        The first line.
    figures
        The file that `python -m benchmarks.pack_alerts` has written.
    """
    measured: dict[str, Any] = msgspec.json.decode(figures.read_bytes())
    rules = load_rules(packs=["pos"])
    by_rule, store_days = measured["rules"], measured["honest"]["store_days"]

    def rate(*names: str) -> float:
        return float(sum(by_rule[name]["honest_alerts"] for name in names) / store_days)

    words = {
        "count": len(rules),
        "chosen": len(DEFAULT_CHOICE),
        "store_days": f"{store_days:,}",
        "honest": _seeds(measured["honest"]),
        "tricks": _seeds(measured["tricks"]),
        "chosen_rate": rate(*DEFAULT_CHOICE),
        "all_rate": rate(*by_rule),
    }
    table = ["| rule | default | alerts a store-day | scenario | found |", "| --- | --- | --- | --- | --- |"]
    for rule in rules:
        each = by_rule[rule.id]
        default = "yes" if rule.id in DEFAULT_CHOICE else ""
        found = f"{each['found']} of {each['incidents']}"
        table.append(f"| `{rule.id}` | {default} | {rate(rule.id):.3f} | `{each['scenario']}` | {found} |")
    return "\n".join(
        [
            notice,
            "# Packaged rules\n",
            _INTRODUCTION % words,
            _FIGURES % words,
            "\n".join(table),
            "",
            _MORE,
            "## The rules\n",
            "Each file says more, and its examples run in our tests.\n",
            "\n".join(_described(rules)),
            "",
        ]
    )


def _seeds(world: dict[str, Any]) -> str:
    seeds = ", ".join(map(str, world["seeds"]))
    return f"{world['stores']} stores, {world['days']} days, seeds {seeds}"


def _described(rules: list[Rule]) -> list[str]:
    rows = ["| rule | looks for | default from | cannot see |", "| --- | --- | --- | --- |"]
    for rule in rules:
        texts = (rule.written[key] for key in ("description", "default_from", "cannot_see"))
        rows.append(
            f"| `{rule.id}` | "
            + " | ".join(" ".join(text.split()).replace("|", "\\|") for text in texts)
            + " |"
        )
    return rows
