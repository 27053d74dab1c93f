"""Parameters of a detector whose model you can replace by one of River's."""

from typing import Annotated, ClassVar

from msgspec import Meta

from retail_anomaly.core.alerts import config_hash
from retail_anomaly.core.parameters import Parameters
from retail_anomaly.models.river_choice import NO_SCALER, PACKAGED, RiverChoice, Value


class ModelParameters(Parameters, frozen=True):
    """Base of the parameters of a detector whose model you can replace.

    Examples
    --------
    >>> ModelParameters(model="river.anomaly.GaussianScorer").choice.scaler
    'none'
    """

    features: ClassVar[tuple[str, ...]] = ()

    # Off by default: a model watches its stores for weeks before it can alert.
    enabled: Annotated[bool, Meta(description="Whether the detector runs.")] = False
    model: Annotated[
        str,
        Meta(
            description="`packaged`; or an anomaly detector of River such as `river.anomaly.HalfSpaceTrees`, "
            "or a function of yours that returns one or a pipeline."
        ),
    ] = PACKAGED
    model_parameters: Annotated[
        dict[str, Value], Meta(description="The arguments of that detector or function.")
    ] = {}  # noqa: RUF012 - msgspec copies it
    scaler: Annotated[
        str,
        Meta(
            description="A transformer for its features, "
            "such as `river.preprocessing.MinMaxScaler`, or `none`."
        ),
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
        """The detector of River that was chosen, or None for the packaged model."""
        if self.model == PACKAGED:
            return None
        return RiverChoice(self.model, self.model_parameters, self.scaler)
