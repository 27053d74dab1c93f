"""The options that describe a simulated world; every command of `retail-datagen` has them."""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import wraps
from inspect import Signature
from inspect import signature as signature_of
from time import monotonic
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import Progress

from data_gen.faults import Faults
from data_gen.numbering import NumberedBy
from data_gen.records import SimulatedRecord
from data_gen.scenarios import SCENARIOS, scenario_from
from data_gen.simulate import INCIDENT_RATE, START, STORE_VOLUMES, Simulation
from data_gen.till_rates import TillRates
from data_gen.world import VOLUMES
from retail_anomaly.core.errors import UsageError

Stores = Annotated[int, typer.Option(min=1, help="Number of stores.")]
Days = Annotated[int, typer.Option(min=1, help="Number of days.")]
Seed = Annotated[
    int, typer.Option(help="Seed of the simulation. The same seed gives the same events, byte for byte.")
]
Start = Annotated[
    datetime, typer.Option(formats=["%Y-%m-%d"], help="The first day.", show_default=str(START))
]
TimeZones = Annotated[
    list[str] | None,
    typer.Option(
        "--time-zone",
        help="Time zone of the stores, an IANA name such as Europe/Berlin. Repeat the option for several; "
        "the stores take turns. Default: UTC.",
    ),
]
Volumes = Annotated[
    list[str] | None,
    typer.Option(
        "--volume",
        help=f"Size of the stores: {', '.join(VOLUMES)}. Repeat the option for several; the stores take "
        f"turns. Default: {', '.join(STORE_VOLUMES)}.",
    ),
]
Rate = Annotated[
    float,
    typer.Option(
        "--incident-rate",
        help="Chance, 0 to 1, that a scenario begins in a store on a day. The first day has every scenario. "
        "0 turns incidents off.",
    ),
]
DistractorRate = Annotated[
    float, typer.Option(help="The same chance for honest events that only look unusual.")
]
Scenarios = Annotated[
    list[str] | None,
    typer.Option(
        "--scenario",
        help="Inject only this scenario. Parameters may follow: refund_burst:most=8,rate=2. Repeatable.",
    ),
]
Earlier = Annotated[
    bool,
    typer.Option(
        "--earlier-sales", help="Customers also return goods that they bought before the first day."
    ),
]
Rates = Annotated[
    str,
    typer.Option(
        "--till-rates",
        help="How often honest people void, discount and so on, where it differs from the usual: "
        "drawers=3,voids=0.01.",
    ),
]
Numbers = Annotated[
    NumberedBy,
    typer.Option(
        "--numbered-by", help="A receipt's number is unique in its store, register or register's day."
    ),
]
Late = Annotated[float, typer.Option(help="Share of events that arrive late and out of order.")]
Duplicates = Annotated[float, typer.Option(help="Share of events that arrive twice with the same eventId.")]
Malformed = Annotated[float, typer.Option(help="Share of records that can't be read.")]
Skew = Annotated[float, typer.Option(help="Share of stores in which the clock of one till is wrong.")]
_START: Final = datetime(START.year, START.month, START.day)  # noqa: DTZ001 - only its date counts
_REDRAW_SECONDS: Final = 0.2


class _ShownSimulation(Simulation):
    """A simulation with a progress bar on standard error, if that is a terminal."""

    def records(self) -> Iterator[SimulatedRecord]:
        console = Console(stderr=True)
        if not console.is_terminal:
            yield from super().records()
            return
        with Progress(console=console, transient=True) as progress:
            bar = progress.add_task("", total=self.stores * self.days)
            shown = 0.0
            for number, record in enumerate(super().records()):
                if monotonic() - shown > _REDRAW_SECONDS:
                    shown = monotonic()
                    text = f"{number:,} events"
                    progress.update(bar, completed=self.store_days, description=text)
                yield record


def _simulation(  # noqa: PLR0913 - an argument per option
    *,
    stores: Stores = 3,
    days: Days = 1,
    seed: Seed = 7,
    start: Start = _START,
    time_zone: TimeZones = None,
    volume: Volumes = None,
    incident_rate: Rate = INCIDENT_RATE,
    distractor_rate: DistractorRate = INCIDENT_RATE,
    scenario: Scenarios = None,
    earlier_sales: Earlier = False,
    till_rates: Rates = "",
    numbered_by: Numbers = "store",
    late: Late = 0,
    duplicates: Duplicates = 0,
    malformed: Malformed = 0,
    clock_skew: Skew = 0,
) -> Simulation:
    try:
        return _ShownSimulation(
            stores=stores,
            days=days,
            seed=seed,
            start=start.date(),
            time_zones=time_zone or ["UTC"],
            volumes=volume or STORE_VOLUMES,
            incident_rate=incident_rate,
            distractor_rate=distractor_rate,
            scenarios=list(map(scenario_from, scenario)) if scenario else list(SCENARIOS.values()),
            earlier=earlier_sales,
            faults=Faults(late=late, duplicates=duplicates, malformed=malformed, skew=clock_skew),
            rates=TillRates.read(till_rates),
            numbered_by=numbered_by,
        )
    except ValueError as error:
        raise UsageError(str(error)) from None


def with_world(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of a world to a command, which receives the result as the argument `simulation`.

    Examples
    --------
    >>> @with_world
    ... def count(*, simulation: Simulation, twice: bool = False) -> None:
    ...     print(simulation.stores * (2 if twice else 1))
    >>> list(signature_of(count).parameters)[:4]
    ['twice', 'stores', 'days', 'seed']
    """
    world = signature_of(_simulation).parameters
    own = [option for option in signature_of(command).parameters.values() if option.name != "simulation"]

    @wraps(command)
    def run(**options: Any) -> None:
        simulation = _simulation(**{name: options.pop(name) for name in world})
        command(simulation=simulation, **options)

    # typer reads a command's options from its signature and annotations.
    together = [*own, *world.values()]
    run.__signature__ = Signature(together)  # type: ignore[attr-defined]
    run.__annotations__ = {option.name: option.annotation for option in together}
    return run
