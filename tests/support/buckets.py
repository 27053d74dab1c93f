"""Logs in buckets, and the alerts of a replay without what differs from run to run."""

from __future__ import annotations

from hashlib import blake2b

import retail_anomaly as ra
from retail_anomaly.core.codec import encode
from retail_anomaly.frames.alert_files import alerts_of

BUCKETS = 4


def content_hash(result: ra.ReplayResult) -> str:
    """Return a hash of the alerts in their order; when each was detected is left out."""
    assert len(result.alerts) > 5
    alerts = alerts_of(result.alerts.assign(detected_at=result.alerts["event_time"]))
    return blake2b(b"\n".join(map(encode, alerts))).hexdigest()
