"""The pages of the board and the forms on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from retail_anomaly.cases import Action, Case, CaseAlert
from retail_anomaly.cli.review.access import Access, Rules
from retail_anomaly.cli.review.board_cases import BoardCases, CaseChangedError
from retail_anomaly.cli.review.case_receipts import RECEIPT_HEAD, NoReceipts, ReceiptSource, receipt_rows
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.errors import RetailAnomalyError
from retail_anomaly.core.quantities import plural
from retail_anomaly.core.records import record_from
from retail_anomaly.core.registry import look_of
from retail_anomaly.core.stakes import at_stake
from retail_anomaly.frames.cases import heading_of
from retail_anomaly.frames.evidence import evidence_items
from retail_anomaly.frames.receipts_around import receipts_near
from retail_anomaly.frames.shown_times import local_text
from retail_anomaly.frames.times import utc_times
from retail_anomaly.frames.words import label_of

PAGE: Final = 50
VERDICTS: Final = {
    "confirmed": "The suspicion was right.",
    "benign": "Everything was in order.",
    "training": "A mistake: somebody has to be shown how it is done.",
    "unclear": "It cannot be found out.",
}
_GRAVEST: Final = ("confirmed", "training", "unclear", "benign")
_MOST_BYTES: Final = 20_000
_MOST_WITH_RECEIPTS: Final = 10
_DAY: Final = 86_400_000


@dataclass(frozen=True)
class Filters:
    """The cases that a person wants to see.

    Parameters
    ----------
    state
        ``open`` or ``closed``.
    store, kind, about
        The store, a type of alert, and the employee, article or store; empty: any.
    """

    state: str = "open"
    store: str = ""
    kind: str = ""
    about: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Filters":
        """Read the filters of an address."""
        state = "closed" if query.get("state") == "closed" else "open"
        return cls(state, *(query.get(name, "").strip() for name in ("store", "kind", "about")))

    @property
    def narrow(self) -> bool:
        """Tell whether some cases of the state are not wanted."""
        return bool(self.store or self.kind or self.about)

    def fits(self, case: Case) -> bool:
        """Tell whether a case is wanted."""
        return (
            (not self.store or case.store_id == self.store)
            and (not self.about or self.about.lower() in case.subject.id.lower())
            and (not self.kind or any(alert.type == self.kind for alert in case.alerts))
        )

    def query(self, **more: object) -> str:
        """Return the filters as the query of an address."""
        fields = {name: value for name, value in {**vars(self), **more}.items() if value not in ("", None)}
        return urlencode({name: str(value) for name, value in fields.items()})


class ReviewBoard:
    """Answers the requests of the board.

    Parameters
    ----------
    cases
        The cases.
    title
        Stands at the top of each page.
    receipts
        The receipts behind the alerts.
    """

    def __init__(self, cases: BoardCases, title: str, receipts: ReceiptSource) -> None:
        self._cases = cases
        self._receipts = receipts
        pages = Environment(
            loader=PackageLoader("retail_anomaly.cli.review", "pages"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        pages.globals |= {"title": title, "label_of": label_of, "look_of": look_of, "VERDICTS": VERDICTS}
        pages.globals |= {
            "RECEIPT_HEAD": RECEIPT_HEAD,
            "plural": plural,
            "heading_of": heading_of,
            "types_of": _types,
            "outcome_of": _outcome,
        }
        pages.filters |= {"money": _money, "percent": _percent}
        self._pages = pages

    async def list_page(self, request: Request) -> Response:
        """Show the cases in reading order."""
        filters = Filters.of(request.query_params)
        return await run_in_threadpool(
            self._list, filters, _number(request.query_params.get("page")), request
        )

    async def case_page(self, request: Request) -> Response:
        """Show one case."""
        return await run_in_threadpool(self._case, request)

    async def alert_page(self, request: Request) -> Response:
        """Lead to the case of an alert: this is the address that a notification bears."""
        return await run_in_threadpool(self._alert, request)

    async def act(self, request: Request) -> Response:
        """Take the action of a form, and go on to the next case."""
        body = await _body(request)
        if body is None:
            return PlainTextResponse("The form is too large.", 413)
        form = dict(parse_qsl(body.decode("utf-8", "replace")))
        return await run_in_threadpool(self._act, request, form)

    def _list(self, filters: Filters, page: int, request: Request) -> Response:
        self._cases.refresh()
        names = self._cases.waiting() if filters.state == "open" else self._cases.closed()
        if filters.narrow:
            names = [name for name in names if self._cases.fits(name, filters.fits)]
        last = max(0, (len(names) - 1) // PAGE)
        page = min(page, last)
        names_shown = names[page * PAGE :][:PAGE]
        found, known = map(self._cases.find, names_shown), self._cases.confirmed_lately(names_shown)
        shown = [
            (case, self._time(case, case.newest_at), case.case_id in known)
            for case in found
            if case is not None
        ]
        return self._page(
            "list.html",
            request,
            cases=shown,
            count=len(names),
            page=page,
            last=last,
            filters=filters,
            kinds=sorted(self._cases.types | {filters.kind} - {""}),
            stores=sorted(self._cases.stores | {filters.store} - {""}),
            problems=self._cases.problems,
            loss=None if filters.narrow else self._cases.expected_loss(),
        )

    def _case(self, request: Request, *, said: str | None = None) -> Response:
        self._cases.refresh()
        case = self._cases.find(request.path_params["case"])
        if case is None:
            return self._page("missing.html", request, status=404)
        filters = Filters.of(request.query_params)
        return self._page(
            "case.html",
            request,
            status=200 if said is None else 409,
            said=said,
            case=case,
            alerts=self._shown_alerts(case),
            actions=[(action, self._time(case, action.time)) for action in reversed(case.actions)],
            opened=self._time(case, case.opened_at),
            newest=self._time(case, case.newest_at),
            filters=filters,
            following=self._following(case, filters),
            precision=self._cases.precision(case.store_id),
            kinds=_types(case),
            has_money=any(alert.money is not None for alert in case.alerts),
            done=request.query_params.get("done"),
        )

    def _alert(self, request: Request) -> Response:
        self._cases.refresh()
        case_id = self._cases.case_of(request.path_params["alert"])
        if case_id is None:
            return self._page("missing.html", request, status=404)
        return RedirectResponse(f"/case/{case_id}", 303)

    def _act(self, request: Request, form: Mapping[str, str]) -> Response:
        case = self._cases.find(request.path_params["case"])
        if case is None:
            return self._page("missing.html", request, status=404)
        filters = Filters.of(request.query_params)
        following = self._following(case, filters)
        try:
            self._cases.act(
                case.store_id,
                lambda name, at: _action_of(form, case, name, at, str(request.state.person)),
                seen=(case.case_id, _number(form.get("revision"))),
            )
        except CaseChangedError as error:
            return self._case(request, said=str(error))
        except (ValueError, OSError, RetailAnomalyError) as error:
            status = 422 if isinstance(error, ValueError) else 503  # the place of the actions takes none now
            return self._page(
                "wrong.html", request, status=status, case=case, message=str(error), filters=filters
            )
        changed = self._cases.find(case.case_id)
        if (
            form.get("action") == "verdict"
            and changed is not None
            and changed.state == "closed"
            and following
        ):
            return RedirectResponse(f"/case/{following}?{filters.query(done=case.case_id)}", 303)
        return RedirectResponse(f"/case/{case.case_id}?{filters.query()}", 303)

    def _following(self, case: Case, filters: Filters) -> str | None:
        """Return the open case to read next."""
        names = self._cases.waiting()
        if case.case_id in names:
            place = names.index(case.case_id)
            names = [*names[place + 1 :], *names[:place]]
        return next((name for name in names if self._cases.fits(name, filters.fits)), None)

    def _shown_alerts(self, case: Case) -> list[dict[str, Any]]:
        """Return the alerts of a case with what the page says of each, the newest first."""
        newest = list(reversed(case.alerts))
        rows = self._receipt_rows(case, [self._cases.alert(alert.alert_id) for alert in newest])
        return [{**self._shown(case, alert), "receipts": rows.get(alert.alert_id)} for alert in newest]

    def _receipt_rows(self, case: Case, alerts: Sequence[Alert]) -> dict[str, list[tuple[str, ...]]]:
        """Return the receipts around the newest alerts of a case, by alert."""
        alerts = alerts[:_MOST_WITH_RECEIPTS]
        found = self._receipts.lines_for(alerts)
        if not found:
            return {}
        zone = self._zone(case)
        return {alert.alert_id: receipt_rows(receipts_near(alert, found), zone) for alert in alerts}

    def _shown(self, case: Case, alert: CaseAlert) -> dict[str, Any]:
        evidence = self._cases.alert(alert.alert_id).evidence
        calibration = self._cases.settings.cases.calibration
        zone = self._zone(case)
        return {
            "alert": alert,
            "time": self._time(case, alert.event_time),
            "evidence": evidence_items(evidence, zone),
            "money": at_stake(evidence),
            "confidence": calibration.confidence(alert.detector, evidence, alert.risk_score),
        }

    def _time(self, case: Case, millis: int) -> str:
        return local_text(utc_times([millis])[0], self._zone(case))

    def _zone(self, case: Case) -> str:
        return self._cases.settings.zone(case.store_id).key

    def _page(self, name: str, request: Request, *, status: int = 200, **values: Any) -> Response:
        text = self._pages.get_template(name).render(person=request.state.person, **values)
        return HTMLResponse(text, status)


def new_board(
    cases: BoardCases, rules: Rules, receipts: ReceiptSource | None = None, title: str = "Cases to review"
) -> Starlette:
    """Return the application.

    Parameters
    ----------
    cases
        The cases.
    rules
        Who may open the board.
    receipts
        The receipts behind the alerts; None: the board shows none.
    title
        Stands at the top of each page.
    """
    board = ReviewBoard(cases, title, receipts or NoReceipts())
    return Starlette(
        routes=[
            Route("/", board.list_page),
            Route("/case/{case}", board.case_page),
            Route("/case/{case}", board.act, methods=["POST"]),
            Route("/alert/{alert}", board.alert_page),
            Route("/board.css", _asset("board.css", "text/css")),
            Route("/board.js", _asset("board.js", "text/javascript")),
            Route("/healthz", lambda request: PlainTextResponse("ok")),
        ],
        middleware=[Middleware(Access, rules=rules)],
    )


def _asset(name: str, media_type: str) -> Any:
    text = files("retail_anomaly.cli.review").joinpath("pages", name).read_text("utf-8")

    async def answer(request: Request) -> Response:
        return Response(text, media_type=media_type, headers={"Cache-Control": "max-age=3600"})

    return answer


async def _body(request: Request) -> bytes | None:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MOST_BYTES:
            return None
    return body


def _action_of(form: Mapping[str, str], case: Case, name: str, at: int, person: str) -> Action:
    """Make an action of a form's fields; the codec's rules for the topic apply."""
    kind = form.get("action", "")
    fields: dict[str, Any] = {
        "actionId": name,
        "time": at,
        "by": person,
        "action": kind,
        "storeId": case.store_id,
        "reason": form.get("reason", "").strip(),
    }
    if kind in ("snooze", "allow"):
        subject = {"employee": "employeeId", "sku": "sku"}.get(case.subject.type)
        scope = {"type": form.get("kind", "")} | ({subject: case.subject.id} if subject else {})
        fields["scope"] = scope
        fields["expiresAt"] = at + max(1, _number(form.get("days"))) * _DAY
    elif form.get("alert"):
        fields["alertId"] = form["alert"]
    else:
        fields["caseId"] = case.case_id
    if kind == "verdict":
        fields["verdict"] = form.get("verdict", "")
    return record_from(Action, fields)


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 7 else 0


def _types(case: Case) -> list[str]:
    return list(dict.fromkeys(alert.type for alert in case.alerts))


def _outcome(case: Case) -> str:
    """Return the verdict that a closed case stands for: the gravest on its alerts."""
    verdicts = {alert.verdict for alert in case.alerts}
    return next((verdict for verdict in _GRAVEST if verdict in verdicts), "expected")


def _money(amount: float) -> str:
    return f"{amount:,.2f}"


def _percent(share: float) -> str:
    # Nobody is certain before somebody has looked.
    return "> 99 %" if 0.995 <= share < 1 else f"{100 * share:.0f} %"
