"""Parameters of a detector whose model can be replaced by one of River's."""

from typing import Annotated, ClassVar

from msgspec import Meta

from retail_anomaly.core.alerts import config_hash
from retail_anomaly.core.parameters import Parameters
from retail_anomaly.models.river_choice import NO_SCALER, PACKAGED, RiverChoice, Value


class ModelParameters(Parameters, frozen=True):
    """Base of the parameters of a detector whose model may be exchanged.

    Examples
    --------
    >>> ModelParameters(model="river.anomaly.HalfSpaceTrees").replay_only
    'model: river.anomaly.HalfSpaceTrees has no state that can be stored'
    """

    features: ClassVar[tuple[str, ...]] = ()

    # A model must have watched its stores for weeks before it says anything: switched on with intent.
    enabled: Annotated[bool, Meta(description="Whether the detector runs.")] = False
    model: Annotated[
        str,
        Meta(
            description="`packaged`, or an anomaly detector of River such as `river.anomaly.HalfSpaceTrees`: "
            "in replay and notebooks only."
        ),
    ] = PACKAGED
    model_parameters: Annotated[
        dict[str, Value], Meta(description="What the detector of River is made with.")
    ] = {}  # noqa: RUF012 - msgspec copies it
    scaler: Annotated[
        str,
        Meta(description="What its features pass, such as `river.preprocessing.MinMaxScaler`, or `none`."),
    ] = NO_SCALER

    def __post_init__(self) -> None:
        choice = self.choice
        if choice is not None:
            choice.try_out(dict.fromkeys(self.features or ("feature",), 1.0))
        elif self.model_parameters or self.scaler != NO_SCALER:
            name = "model_parameters" if self.model_parameters else "scaler"
            raise ValueError(f"{name}: goes with a model of River, and model is {PACKAGED}")

    def __hash__(self) -> int:
        return hash(config_hash(self))  # a dictionary has none

    @property
    def choice(self) -> RiverChoice | None:
        """The detector of River that was chosen; None: the packaged model."""
        if self.model == PACKAGED:
            return None
        return RiverChoice(self.model, self.model_parameters, self.scaler)

    @property
    def replay_only(self) -> str | None:
        """Why no host that stores state can run the detector, or None."""
        return None if self.choice is None else f"model: {self.model} has no state that can be stored"
