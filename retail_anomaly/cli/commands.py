"""All commands of `retail-anomaly`, each from its own module.

A command imports pandas, Plotly, Optuna and the like when it runs: they take longer to import than `config
show` takes to run, and not every installation has them.
"""

from retail_anomaly.cli.allow import allow_app
from retail_anomaly.cli.by_sheet import verdict_app
from retail_anomaly.cli.calibrate import calibrate
from retail_anomaly.cli.config import config_app
from retail_anomaly.cli.convert import convert
from retail_anomaly.cli.demo.command import demo
from retail_anomaly.cli.drift import drift
from retail_anomaly.cli.evaluate import evaluate
from retail_anomaly.cli.explain import explain
from retail_anomaly.cli.frame import new_app
from retail_anomaly.cli.import_exports import import_app
from retail_anomaly.cli.map_columns import mapping
from retail_anomaly.cli.notebook import notebook
from retail_anomaly.cli.partition import partition
from retail_anomaly.cli.profile_page import profile
from retail_anomaly.cli.replay import replay
from retail_anomaly.cli.report import report
from retail_anomaly.cli.review.command import review
from retail_anomaly.cli.rules import rules_app
from retail_anomaly.cli.tune import tune

app = new_app("Find refund abuse, theft and stock losses in the events of shops.")
_COMMANDS = (
    *(
        demo,
        mapping,
        convert,
        partition,
        replay,
        explain,
        profile,
        review,
        report,
        evaluate,
        tune,
        calibrate,
        drift,
    ),
    notebook,
)
for command in _COMMANDS:
    app.command()(command)
app.add_typer(allow_app, name="allow")
app.add_typer(config_app, name="config")
app.add_typer(import_app, name="import")
app.add_typer(rules_app, name="rules")
app.add_typer(verdict_app, name="verdict")
