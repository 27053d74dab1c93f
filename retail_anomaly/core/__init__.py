"""The functional core: events in, alerts out, without a host."""
