"""The detectors on Kafka: a thin Quix Streams application around `retail_anomaly`."""
