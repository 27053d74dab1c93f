"""Kafka itself: connection, topics, offsets and the embedded broker."""
