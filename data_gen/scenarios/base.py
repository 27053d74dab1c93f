"""What every scenario is: a pattern that is put into an honest day, and its ground truth."""

from collections.abc import Sequence
from random import Random
from typing import Protocol

from msgspec import Struct

from data_gen.day import StoreDay
from data_gen.world import Product
from retail_anomaly.events import Event


class Incident(Struct, frozen=True, rename="camel", omit_defaults=True):
    """One injected pattern: the ground truth an alert is compared with.

    Parameters
    ----------
    incident_id
        Unique in the run.
    scenario
        Its name, which is that of the detector meant to see it.
    store_id, employee_id
        Where, and who is behind it; None when no one at the till is.
    start, end
        From its first act to the event that makes it visible, in epoch milliseconds.
    transaction_ids
        The receipts it consists of.
    expected_loss
        What it costs the store.
    sku
        The article, where it is about one.

    Examples
    --------
    >>> Incident("i-1", "inventory_shrinkage", "store-1", None, 1, 2, [], 40.0).sku is None
    True
    """

    incident_id: str
    scenario: str
    store_id: str
    employee_id: str | None
    start: int
    end: int
    transaction_ids: list[str]
    expected_loss: float
    sku: str | None = None


class Injection(Struct, frozen=True):
    """What a scenario adds to a day.

    Parameters
    ----------
    incident
        The ground truth.
    events
        The events that show it, in order of time.
    """

    incident: Incident
    events: Sequence[Event]


class Scenario(Protocol):
    """A pattern with its strength as parameters.

    Attributes
    ----------
    name
        The name on the incidents.
    """

    @property
    def name(self) -> str:
        """Return the name on the incidents."""
        ...

    def inject(self, day: StoreDay, rng: Random) -> Injection | None:
        """Plan one incident on a day of honest trade, or None when the day offers no opportunity.

        It may take goods from `day.stock`; it does not touch what is already in the day.
        """
        ...


def incident_of(
    day: StoreDay,
    scenario: str,
    employee: str | None,
    span: tuple[int, int],
    *,
    transactions: Sequence[str] = (),
    loss: float,
    sku: str | None = None,
) -> Incident:
    """Write the ground truth of one incident; a store-day has at most one of each scenario."""
    return Incident(
        incident_id=f"{day.store.store_id}-{day.day:%Y%m%d}-{scenario}",
        scenario=scenario,
        store_id=day.store.store_id,
        employee_id=employee,
        start=span[0],
        end=span[1],
        transaction_ids=list(transactions),
        expected_loss=round(loss, 2),
        sku=sku,
    )


def untouched(day: StoreDay) -> list[Product]:
    """Return the articles of which nothing is missing yet and which no one has counted tonight."""
    return [
        product
        for product in day.catalogue.products
        if not day.stock.gone[product.sku] and product.sku not in day.counted
    ]
