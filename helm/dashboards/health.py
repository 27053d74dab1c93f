"""The dashboard on the processes themselves, from Prometheus."""

import warnings
from typing import Any, Final

from helm.dashboards.layout import filled, frame
from helm.dashboards.panels import figure, lines, promql

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.builders import dashboard


# Several processes read the same topic and each counts for itself. Only `retail_info` has the kind of
# process.
_PROCESS: Final = "on (instance) group_left (process) retail_info"


def pipeline_health() -> Any:
    """Return the page on lag, throughput, latency, dead letters and state."""
    board = frame("pipeline", "Retail: pipeline health", "Lag, throughput, latency, dead letters, state.")
    board.with_variable(dashboard.DatasourceVariable("prometheus").label("Prometheus").type("prometheus"))
    latency = "sum by (le) (rate(retail_alert_latency_seconds_bucket[$__rate_interval]))"
    return filled(
        board,
        figure(
            "Processes ready",
            promql(("sum(retail_ready)", "ready")),
            "With a place in their group.",
            width=6,
            decimals=0,
        ),
        figure(
            "Lag",
            promql(("sum(retail_lag_records)", "records")),
            "Records not committed yet.",
            width=6,
            decimals=0,
        ),
        figure(
            "Dead letters",
            promql(("sum(increase(retail_dead_letters_total[$__range]))", "records")),
            "In the time shown.",
            width=6,
            decimals=0,
        ),
        figure(
            "Writes put off",
            promql(("sum(increase(retail_backpressure_total[$__range]))", "times")),
            "InfluxDB took nothing.",
            width=6,
            decimals=0,
        ),
        lines(
            "Records processed",
            promql(
                (
                    f"sum by (process, topic) (rate(retail_events_total[$__rate_interval]) * {_PROCESS})",
                    "{{process}}: {{topic}}",
                )
            ),
            "A second.",
            "cps",
        ),
        lines(
            "Lag by topic",
            promql(
                (
                    f"sum by (process, topic) (retail_lag_records * {_PROCESS})",
                    "{{process}}: {{topic}}",
                )
            ),
            "Records not committed yet.",
            "short",
        ),
        lines(
            "From event to alert",
            promql(
                (f"histogram_quantile(0.5, {latency})", "half"),
                (f"histogram_quantile(0.99, {latency})", "99 %"),
            ),
            "From the event's own time to the emission of its alert; a backlog counts from when it happened.",
            "s",
        ),
        lines(
            "Alerts",
            promql(("sum by (type) (rate(retail_alerts_total[$__rate_interval])) * 3600", "{{type}}")),
            "An hour.",
        ),
        lines(
            "Dead letters by reason",
            promql(("sum by (reason) (increase(retail_dead_letters_total[$__rate_interval]))", "{{reason}}")),
            "By the field that was wrong.",
            width=8,
        ),
        lines(
            "Refunds not judged",
            promql(("sum by (reason) (increase(retail_undecided_total[$__rate_interval]))", "{{reason}}")),
            "Their sale is older than the log or the memory, of another store, or not told by its number.",
            width=8,
        ),
        lines(
            "Requests to InfluxDB",
            promql(
                (
                    "sum by (outcome) (rate(retail_sink_request_seconds_count[$__rate_interval]))",
                    "{{outcome}}",
                )
            ),
            "A second, by how they ended.",
            "reqps",
            width=8,
        ),
        lines(
            "Notifications",
            promql(
                (
                    "sum by (route, outcome) (increase(retail_notifications_total[$__rate_interval]))",
                    "{{route}}: {{outcome}}",
                )
            ),
            "Messages sent and failed, alerts held until later and given up.",
            width=16,
        ),
        lines(
            "Routes that wait",
            promql(("max by (route) (retail_route_paused)", "{{route}}")),
            "1 while a service takes no messages.",
            width=8,
        ),
        lines(
            "State",
            promql(("sum by (collection) (retail_state_entries)", "{{collection}}")),
            "Entries of stores that had an event since the start.",
        ),
        lines("State on disk", promql(("sum(retail_state_bytes)", "bytes")), "All processes.", "bytes"),
        lines(
            "Detecting",
            promql(
                (
                    "sum(rate(retail_processing_seconds_sum[$__rate_interval])) "
                    "/ sum(rate(retail_processing_seconds_count[$__rate_interval]))",
                    "an event",
                )
            ),
            "Average over the sample that is timed.",
            "s",
            width=8,
        ),
        lines(
            "Committing",
            promql(
                (
                    "sum by (process) "
                    f"(rate(retail_checkpoint_seconds_sum[$__rate_interval]) * {_PROCESS}) "
                    "/ sum by (process) "
                    f"(rate(retail_checkpoint_seconds_count[$__rate_interval]) * {_PROCESS})",
                    "{{process}}",
                )
            ),
            "Average of a checkpoint: writing state and output out, and the offsets.",
            "s",
            width=8,
        ),
        lines(
            "Since the last commit",
            promql(("time() - (retail_last_checkpoint_timestamp_seconds > 0)", "{{instance}}")),
            "Grows while nothing comes, too.",
            "s",
            width=8,
        ),
        lines(
            "Shadow against live",
            promql(
                ("sum(rate(retail_shadow_alerts_total[$__rate_interval])) * 3600", "in the shadow"),
                ("sum(rate(retail_alerts_total[$__rate_interval])) * 3600", "live"),
            ),
            "Alerts an hour, of all rules and detectors.",
            width=8,
        ),
        lines(
            "Alerts by rule and version",
            promql(
                (
                    "sum by (rule, version, status) "
                    "(rate(retail_rule_alerts_total[$__rate_interval])) * 3600",
                    "{{rule}} {{version}}, {{status}}",
                )
            ),
            "An hour: a new version in the shadow beside the one that is live.",
            width=8,
        ),
        lines(
            "Versions of rules",
            promql(("max by (rule, status) (retail_rule_version)", "{{rule}}, {{status}}")),
            "A line ends and another begins when a rule is promoted or put aside.",
            width=8,
        ),
    )
