"""A description of a simulated world: tables to print and a figure."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Self
from zoneinfo import ZoneInfo

import plotly.graph_objects as go
from plotly.subplots import make_subplots
from rich.console import RenderableType
from rich.table import Table

from data_gen.demand import holidays
from data_gen.simulate import Simulation
from data_gen.world import CASHIER, SERVICE_DESK, VOLUMES, Store, days_from, make_catalogue
from retail_anomaly.core.events import INPUT_TOPICS, POS_EVENTS, REFUND, SALE, PosEvent
from retail_anomaly.core.incidents import Incident
from retail_anomaly.core.quantities import plural
from retail_anomaly.plots.style import styled

_COLOURS: Final = {"small": "#00846b", "medium": "#0068b5", "large": "#c77700"}
_SYMBOLS: Final = {CASHIER: "circle", SERVICE_DESK: "diamond"}


@dataclass
class Profile:
    """Counts over a whole simulation.

    Parameters
    ----------
    simulation
        The simulation that was counted.
    stores
        Its stores.

    Attributes
    ----------
    topics
        Records by topic.
    hours, days
        Receipts by store and local hour of the day, and by store and day.
    baskets
        Receipts by their number of lines.
    receipts, refunds, worked
        Receipts, refunds and days with either by store and employee.
    incidents
        The ground truth.

    Examples
    --------
    >>> profile = Profile.of(Simulation(stores=1))
    >>> len(profile.days), sum(profile.baskets.values()) == sum(profile.hours.values())
    (1, True)
    """

    simulation: Simulation
    stores: list[Store]
    topics: Counter[str] = field(default_factory=Counter)
    hours: Counter[tuple[str, int]] = field(default_factory=Counter)
    days: Counter[tuple[str, str]] = field(default_factory=Counter)
    baskets: Counter[int] = field(default_factory=Counter)
    receipts: Counter[tuple[str, str]] = field(default_factory=Counter)
    refunds: Counter[tuple[str, str]] = field(default_factory=Counter)
    worked: Counter[tuple[str, str]] = field(default_factory=Counter)
    incidents: list[Incident] = field(default_factory=list)

    @classmethod
    def of(cls, simulation: Simulation) -> Self:
        """Simulate and count; memory holds a receipt of each store, and the counts."""
        profile = cls(simulation, simulation.make_stores())
        zones = {store.store_id: ZoneInfo(store.time_zone) for store in profile.stores}
        open_receipts: dict[str, tuple[str, int]] = {}
        seen: dict[tuple[str, str], str] = {}
        for record in simulation.records():
            profile.topics[record.topic] += 1
            profile.incidents += simulation.incidents
            simulation.incidents.clear()
            simulation.faults_made.clear()
            event = record.value
            if not isinstance(event, PosEvent):
                continue
            store, person = event.store_id, (event.store_id, event.cashier_id)
            if event.event_type == REFUND:
                profile.refunds[person] += 1
            elif event.event_type == SALE:
                receipt, lines = open_receipts.get(store, ("", 0))
                if receipt == event.transaction_id:
                    open_receipts[store] = receipt, lines + 1
                    continue
                if lines:
                    profile.baskets[lines] += 1
                open_receipts[store] = event.transaction_id, 1
                profile.receipts[person] += 1
            local = datetime.fromtimestamp(event.event_time / 1000, zones[store])
            day = local.date().isoformat()
            if event.event_type == SALE:
                profile.hours[store, local.hour] += 1
                profile.days[store, day] += 1
            if seen.get(person) != day:
                seen[person] = day
                profile.worked[person] += 1
        profile.incidents += simulation.incidents
        profile.baskets.update(lines for _, lines in open_receipts.values())
        return profile

    def tables(self) -> Iterator[RenderableType]:
        """Yield the tables to print: the stores, the catalogue, the holidays and the incidents."""
        simulation = self.simulation
        yield _table(
            (
                *("store", "volume", "time zone", "hours", "customers"),
                *(">receipts a day", ">growth a year", ">cashiers", ">at the desk"),
            ),
            [
                (
                    *(store.store_id, store.volume, store.time_zone),
                    f"{store.opening_hour}-{store.closing_hour}",
                    *(store.profile, f"{store.receipts:,}", f"{store.growth:+.1%}"),
                    *(str(sum(e.role == role for e in store.staff)) for role in (CASHIER, SERVICE_DESK)),
                )
                for store in self.stores
            ],
        )
        catalogue = make_catalogue(simulation.seed, simulation.rates.weighed)
        prices = sorted(product.price for product in catalogue.products)
        fifth = catalogue.cumulative[len(prices) // 5 - 1]
        yield (
            f"Catalogue: {len(prices)} articles from {prices[0]:.2f} to {prices[-1]:.2f}, half of them under"
            f" {prices[len(prices) // 2]:.2f}; the best-selling fifth makes {fifth:.0%} of the lines"
        )
        days = set(days_from(simulation.start, simulation.days))
        free = sorted(
            day.isoformat()
            for year in {day.year for day in days}
            for day in holidays(simulation.seed, year) & days
        )
        yield f"Holidays, with Sunday's hours: {', '.join(free) or 'none'}"
        yield "Records: " + ", ".join(f"{topic} {self.topics[topic]:,}" for topic in INPUT_TOPICS)
        yield self._scenarios()

    def _scenarios(self) -> Table:
        by_name: defaultdict[str, list[Incident]] = defaultdict(list)
        for incident in self.incidents:
            by_name[incident.scenario].append(incident)
        rows = [
            (
                scenario.name,
                "honest" if scenario.distractor else scenario.detector or "",
                f"{scenario.days}",
                f"{len(by_name[scenario.name])}",
                f"{sum(incident.expected_loss for incident in by_name[scenario.name]):,.0f}",
            )
            for scenario in self.simulation.scenarios
        ]
        headings = ("scenario", "detector meant to see it", ">days at most", ">times", ">expected loss")
        return _table(headings, rows)

    def figure(self) -> go.Figure:
        """Draw the world: the day, the weeks, the baskets and the people."""
        figure = make_subplots(
            rows=2,
            cols=2,
            subplot_titles=("A day", "Day by day", "Baskets", "People"),
            vertical_spacing=0.16,
            horizontal_spacing=0.09,
        )
        volumes = [name for name in VOLUMES if any(store.volume == name for store in self.stores)]
        for name in volumes:
            self._add_day(figure, name)
            self._add_weeks(figure, name)
            self._add_people(figure, name)
        total = sum(self.baskets.values())
        sizes = sorted(self.baskets)
        figure.add_trace(
            go.Bar(
                x=sizes,
                y=[self.baskets[size] / total for size in sizes],
                marker_color="#5b6470",
                showlegend=False,
                hovertemplate="%{x} lines: %{y:.2%} of receipts<extra></extra>",
            ),
            row=2,
            col=1,
        )
        simulation = self.simulation
        styled(
            figure,
            f"The world of seed {simulation.seed}",
            f"{plural(len(self.stores), 'store')}, {plural(simulation.days, 'day')} from {simulation.start}, "
            f"{plural(self.topics[POS_EVENTS], 'receipt line')}, "
            f"{len(self.incidents)} incidents and distractors; "
            "a diamond is somebody at the service desk",
            height=760,
        )
        # Between the titles of the two pictures below it.
        figure.update_layout(legend={"x": 0.5, "xanchor": "center"})
        figure.update_xaxes(title_text="local hour", row=1, col=1)
        figure.update_yaxes(title_text="receipts an hour, mean of the stores", row=1, col=1)
        figure.update_xaxes(title_text="day", row=1, col=2)
        figure.update_yaxes(title_text="receipts a day, each store", row=1, col=2)
        figure.update_xaxes(title_text="lines of a receipt", row=2, col=1)
        figure.update_yaxes(
            title_text="share of receipts (log)", type="log", tickformat=".2~%", dtick=1, row=2, col=1
        )
        figure.update_xaxes(title_text="receipts per day at work", row=2, col=2)
        figure.update_yaxes(title_text="refund lines per day at work", row=2, col=2)
        return figure

    def _of(self, volume: str) -> list[Store]:
        return [store for store in self.stores if store.volume == volume]

    def _add_day(self, figure: go.Figure, volume: str) -> None:
        stores = {store.store_id for store in self._of(volume)}
        open_days = len([1 for store, _ in self.days if store in stores]) or 1
        hours = sorted({hour for store, hour in self.hours if store in stores})
        figure.add_trace(
            go.Scatter(
                x=hours,
                y=[sum(self.hours[store, hour] for store in stores) / open_days for hour in hours],
                name=volume,
                legendgroup=volume,
                line_color=_COLOURS[volume],
                hovertemplate="%{x} h: %{y:.1f} receipts<extra>" + volume + "</extra>",
            ),
            row=1,
            col=1,
        )

    def _add_weeks(self, figure: go.Figure, volume: str) -> None:
        for store in self._of(volume):
            days = sorted(day for name, day in self.days if name == store.store_id)
            figure.add_trace(
                go.Scatter(
                    x=days,
                    y=[self.days[store.store_id, day] for day in days],
                    mode="lines+markers" if len(days) == 1 else "lines",
                    line={"color": _COLOURS[volume], "width": 1.5},
                    opacity=0.7,
                    legendgroup=volume,
                    showlegend=False,
                    hovertemplate="%{x|%a %d %b}: %{y:,} receipts<extra>" + store.store_id + "</extra>",
                ),
                row=1,
                col=2,
            )

    def _add_people(self, figure: go.Figure, volume: str) -> None:
        stores = {store.store_id for store in self._of(volume)}
        people = sorted(person for person in self.worked if person[0] in stores)
        roles = {e.employee_id: e.role for store in self._of(volume) for e in store.staff}
        for role, symbol in _SYMBOLS.items():
            own = [person for person in people if roles.get(person[1], CASHIER) == role]
            figure.add_trace(
                go.Scatter(
                    x=[self.receipts[person] / self.worked[person] for person in own],
                    y=[self.refunds[person] / self.worked[person] for person in own],
                    mode="markers",
                    marker={"color": _COLOURS[volume], "symbol": symbol, "size": 8, "opacity": 0.75},
                    legendgroup=volume,
                    showlegend=False,
                    text=[f"{employee}, {role}" for _, employee in own],
                    hovertemplate="%{x:.0f} receipts, %{y:.1f} refunds a day<extra>%{text}</extra>",
                ),
                row=2,
                col=2,
            )


def _table(headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in headings:
        table.add_column(heading.lstrip(">"), justify="right" if heading.startswith(">") else "left")
    for row in rows:
        table.add_row(*row)
    return table
