"""A River detector as bytes, and back: the state that a host stores.

The bytes are data, not a program: a list of objects with the values of their attributes. Reading them creates
objects without a call of their classes and sets attributes; nothing that the bytes name is called but a few
constructors whose arguments are checked. So state that somebody else wrote can make a detector wrong, but
cannot run code. This is not pickle, and no pickle is read.
"""

from retail_anomaly.models.river_state.graph_reader import RefusedStateError, unpack
from retail_anomaly.models.river_state.graph_writer import UnstorableError, pack

__all__ = ["RefusedStateError", "UnstorableError", "pack", "unpack"]
