"""What several kinds of test share: small builders of events, runs of the engine, generated logs."""
