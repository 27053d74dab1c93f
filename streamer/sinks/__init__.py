"""Where alerts and figures go besides Kafka: InfluxDB, for people and their dashboards."""
