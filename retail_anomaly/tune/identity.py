"""The identity of a study: everything that the outcomes of its trials depend on."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import msgspec

from retail_anomaly.detectors import Parameters
from retail_anomaly.settings import Settings
from retail_anomaly.tune.store_share_trials import LogFacts
from retail_anomaly.tune.truth import Objective, SplitTruth


def study_identity(
    facts: LogFacts, truth: SplitTruth, settings: Settings, *, budget: float, objective: Objective
) -> dict[str, str]:
    """Return a digest or a text of each thing that the outcomes depend on, by its name in an error."""
    incidents = [frame.to_dict("records") for frame in truth.incidents.values()]
    ranges = [parameters.ranges() for parameters in settings.detectors.values()]
    return {
        "log": _digest(sorted(facts.digests.items())),
        "list of incidents": _digest(incidents),
        "configuration": _digest(
            [_as_object(settings.detectors), settings.max_late, settings.dedupe_memory, settings.stores]
        ),
        "version of the ranges": _digest(ranges),
        "split": truth.days.held_out.isoformat(),
        "budget": f"{budget:g}",
        "objective": objective,
    }


def _as_object(parameters: Mapping[str, Parameters]) -> msgspec.Struct:
    # A mapping would be sorted by its keys, and studies of earlier versions would have another digest.
    fields = msgspec.defstruct("Detectors", list(parameters))
    return fields(**parameters)


def _digest(content: Any) -> str:
    encoded = msgspec.json.encode(content, enc_hook=str, order="deterministic")
    return blake2b(encoded, digest_size=8).hexdigest()
