"""Shared by several kinds of test: small builders of events, runs of the engine, generated logs."""
