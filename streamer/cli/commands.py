"""All commands of `retail-streamer`, each from its own module.

A command imports Quix Streams and Kafka's client when it runs: they take a second to import, and only an
installation with the extra `streamer` has them. `--help` needs neither.
"""

from retail_anomaly.cli.frame import new_app
from streamer.cli import audit_commands, rules_commands, state_commands
from streamer.cli.broker import broker
from streamer.cli.groups import lag, skip
from streamer.cli.queries import alerts, status
from streamer.cli.serve import metrics, notify, returns, run, sink, triage
from streamer.cli.topics import topics

app = new_app(
    "Run the detectors on Kafka. Credentials come from environment variables: KAFKA_SECURITY_PROTOCOL, "
    "KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD, KAFKA_SSL_CA_LOCATION and the others in "
    "docs/operations.md."
)
for command in (run, metrics, triage, notify, returns, sink, topics, lag, status, skip, alerts, broker):
    app.command()(command)
app.add_typer(rules_commands.app, name="rules")
app.add_typer(state_commands.app, name="state")
app.add_typer(audit_commands.audit_app, name="audit")
app.add_typer(audit_commands.reveal_app, name="reveal")
