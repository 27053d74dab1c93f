"""Write the connector and the table of docs/kafka-connect.md from the sink's columns: ``make docs``."""

import json
from pathlib import Path
from typing import Any, Final

from retail_anomaly.core.events import ALERTS
from streamer.sinks.alert_columns import ALERT_COLUMNS

FOLDER: Final = Path(__file__).with_name("kafka-connect")
# Connect has no type for a value of any shape, so the whole evidence stays behind.
_LEFT_OUT: Final = "evidence"
_TYPES: Final = {
    "revision": "int32",
    "riskScore": "double",
    "openedAt": "int64",
    "eventTime": "int64",
    "detectedAt": "int64",
}
_NULLABLE: Final = {"employeeId"}
EVIDENCE: Final[dict[str, str]] = {
    "amount": "double",
    "loss": "double",
    "missing": "double",
    "saleAmount": "double",
    "sku": "string",
    "totalRefunds": "double",
    "transactionId": "string",
    "transactionIds": "array",
}
"""What is taken from the evidence; a field of your own rules becomes a column by one more line here."""
_SQL: Final = {
    "string": "text",
    "int32": "integer",
    "int64": "bigint",
    "double": "double precision",
    "array": "text[]",
}
# Connect computes nothing; the database does. The limits are those of the sink's `severity`.
_COMPUTED: Final = (
    """    "severity" text GENERATED ALWAYS AS (
        CASE WHEN "riskScore" >= 0.8 THEN 'high' WHEN "riskScore" >= 0.5 THEN 'medium' ELSE 'low' END
    ) STORED""",
    """    "time" timestamptz GENERATED ALWAYS AS (to_timestamp("openedAt" / 1000.0)) STORED""",
)


def connector() -> str:
    """Return alerts.json, which `connect-standalone` and the REST interface of a cluster take."""
    renamed = {c.name: c.column for c in _columns() if c.name != c.column}
    renamed |= {f"evidence.{name}": name for name in EVIDENCE}
    config = {
        "connector.class": "io.debezium.connector.jdbc.JdbcSinkConnector",
        "topics": ALERTS,
        "connection.url": "${env:ALERTS_JDBC_URL}",
        "connection.username": "${env:ALERTS_DB_USER}",
        "connection.password": "${env:ALERTS_DB_PASSWORD}",
        "key.converter": "org.apache.kafka.connect.storage.StringConverter",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": "true",
        "value.converter.schema.content": json.dumps(_schema(), separators=(",", ":")),
        "transforms": "flat,names",
        "transforms.flat.type": "org.apache.kafka.connect.transforms.Flatten$Value",
        "transforms.names.type": "org.apache.kafka.connect.transforms.ReplaceField$Value",
        "transforms.names.renames": ",".join(f"{old}:{new}" for old, new in renamed.items()),
        "collection.name.format": "alerts",
        "insert.mode": "upsert",
        "primary.key.mode": "record_value",
        "primary.key.fields": "alertId",
        "quote.identifiers": "true",
        "schema.evolution": "none",
        "errors.tolerance": "all",
        "errors.deadletterqueue.topic.name": "alerts-dead-letters",
        "errors.deadletterqueue.context.headers.enable": "true",
    }
    return json.dumps({"name": "retail-alerts", "config": config}, indent=2) + "\n"


def table() -> str:
    """Return alerts.sql, the table for PostgreSQL."""
    rows = [
        f'    "{c.column}" {_SQL[_TYPES.get(c.name, "string")]}{"" if c.name in _NULLABLE else " NOT NULL"}'
        for c in _columns()
    ]
    rows += [f'    "{name}" {_SQL[kind]}' for name, kind in EVIDENCE.items()]
    rows += [*_COMPUTED, '    PRIMARY KEY ("alertId")']
    return "CREATE TABLE alerts (\n" + ",\n".join(rows) + '\n);\nCREATE INDEX ON alerts ("store", "time");\n'


def _columns() -> list[Any]:
    return [column for column in ALERT_COLUMNS if column.name != _LEFT_OUT]


def _schema() -> dict[str, Any]:
    fields = [
        {"field": c.name, "type": _TYPES.get(c.name, "string"), "optional": c.name in _NULLABLE}
        for c in _columns()
    ]
    evidence = [{"field": name, **_type(kind), "optional": True} for name, kind in EVIDENCE.items()]
    fields.append({"field": _LEFT_OUT, "type": "struct", "optional": False, "fields": evidence})
    return {"type": "struct", "name": "alert", "optional": False, "fields": fields}


def _type(kind: str) -> dict[str, Any]:
    items = {"items": {"type": "string", "optional": False}} if kind == "array" else {}
    return {"type": kind, **items}


FILES: Final = {"alerts.json": connector, "alerts.sql": table}

if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, write in FILES.items():
        (FOLDER / name).write_text(write(), encoding="utf-8")
