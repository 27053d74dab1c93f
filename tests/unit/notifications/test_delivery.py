"""Messages reach servers that answer as the services do, or it is said why not; no secret is shown."""

from __future__ import annotations

import base64
import json
import shutil
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from retail_anomaly.notifications import AlertNote, Message, Route
from retail_anomaly.settings import Settings
from retail_anomaly.settings.notify_settings import NotifySettings, RouteSettings
from streamer.errors import StreamerError
from streamer.notify.addresses import MailAddress, route_addresses
from streamer.notify.delivery import Delivery, carrier_of
from streamer.notify.trial import send_trial
from tests.support.services import MailService, Told, WebService, marked, marks, self_signed
from tests.unit.notifications.notices import an_alert, at

KEY = "whsec_" + base64.b64encode(bytes(range(32))).decode()
NOON = at("2025-10-09 12:00")
WEB = ["slack", "teams", "pagerduty", "webhook"]


def a_message(*, link: str = "https://board.example/alert/{alertId}", **fields: Any) -> Message:
    alert = an_alert("a-7", NOON, message=marked(7, 2), revision=2, **fields)
    return Message("duty", "store-1", (AlertNote.of(alert, "critical", link),))


def deliver(service: str, url: str, message: Message, *, key: str = KEY, seconds: float = 5.0) -> Delivery:
    address = url.replace("://", "://r0utingKEY@", 1) if service == "pagerduty" else url
    settings = route_settings(service)
    found = route_addresses(settings, {"ADDRESS": address, "KEY": key})["duty"]
    return carrier_of(settings.notify.routes["duty"].route("duty"), found, seconds).deliver(message)


def route_settings(service: Any) -> Settings:
    route = RouteSettings(service=service, address="ADDRESS", key="KEY" if service == "webhook" else "")
    return Settings(notify=NotifySettings(routes={"duty": route}))


@pytest.mark.parametrize("service", WEB)
def test_a_message_arrives_once(service: str) -> None:
    with WebService(service) as server:
        assert deliver(service, server.url, a_message()) == Delivery("sent")
    (arrival,) = server.arrived
    assert marks(arrival) == {(7, 2)}
    assert arrival.path == f"/{service}/SECRET"
    assert b"360.00" in arrival.body or json.loads(arrival.body)["data"]["alerts"][0]["money"] == 360.0
    assert b"https://board.example/alert/a-7" in arrival.body


@pytest.mark.parametrize("service", WEB)
@pytest.mark.parametrize(
    ("told", "outcome", "wait"),
    [
        (Told(429, {"Retry-After": "7"}), "away", 7.0),
        (Told(429), "away", 1.0),
        (Told(500), "away", None),
        (Told(503, {"Retry-After": "9999"}), "away", 300.0),
        (Told(302, {"Location": "http://127.0.0.1:1/"}), "away", None),
        (Told(400), "refused", None),
        (Told(413), "refused", None),
        (Told(404), "away", None),
        (Told(how="reset"), "away", None),
    ],
)
def test_other_answers_say_whether_to_try_again_and_when(
    service: str, told: Told, outcome: str, wait: float | None
) -> None:
    with WebService(service, [told]) as server:
        delivery = deliver(service, server.url, a_message())
    assert (delivery.outcome, delivery.wait) == (outcome, wait)
    assert server.arrived == []
    assert "SECRET" not in delivery.reason
    assert "r0uting" not in delivery.reason


def test_a_date_to_come_back_at_is_a_wait() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    with WebService("slack", [Told(429, {"Retry-After": later})]) as server:
        delivery = deliver("slack", server.url, a_message())
    assert delivery.wait is not None
    assert 30 < delivery.wait <= 60


def test_teams_says_in_a_good_answer_that_the_message_failed() -> None:
    body = b"Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429"
    with WebService("teams", [Told(200, body=body)]) as server:
        assert deliver("teams", server.url, a_message()).outcome == "away"


@pytest.mark.parametrize("how", ["hang", "drip"])
def test_a_server_that_never_ends_its_answer_is_left_in_time(how: str) -> None:
    with WebService("slack", [Told(how=how)]) as server:
        told = deliver("slack", server.url, a_message(), seconds=0.3)
        assert told.reason == "127.0.0.1 does not answer in time"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_a_certificate_must_be_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both = self_signed(tmp_path)
    with WebService("slack", certificate=both) as server:
        assert "is not trusted" in deliver("slack", server.url, a_message()).reason
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
        assert deliver("slack", server.url, a_message()).outcome == "sent"
    assert len(server.arrived) == 1


def test_signatures_are_those_of_standard_webhooks() -> None:
    following = "whsec_" + base64.b64encode(bytes(range(32, 64))).decode()
    with WebService("webhook") as server:
        deliver("webhook", server.url, a_message(), key=f"{KEY} {following}")
        deliver("webhook", server.url, a_message(), key=KEY)
    first, again = server.arrived
    headers = {name.lower(): value for name, value in first.headers.items()}
    for key in (KEY, following):  # each receiver knows one of them
        assert Webhook(key).verify(first.body.decode(), headers)["type"] == "alerts.raised"
    with pytest.raises(WebhookVerificationError):
        Webhook(KEY).verify(first.body.decode() + " ", headers)
    assert headers["webhook-id"] == {n.lower(): v for n, v in again.headers.items()}["webhook-id"]


@pytest.mark.parametrize(("code", "outcome"), [(250, "sent"), (451, "away"), (550, "refused"), (0, "away")])
def test_a_mail_arrives_or_it_is_said_why_not(code: int, outcome: str) -> None:
    with MailService([code]) as server:
        assert deliver("email", server.url, a_message(), seconds=1.0).outcome == outcome
    assert len(server.arrived) == (code == 250)


def test_a_mail_is_plain_and_bears_an_id() -> None:
    with MailService() as server:
        for _ in range(2):
            deliver("email", server.url, a_message(store_id="Köln\r\nBcc: x@evil.example"))
    mails = [message_from_bytes(each.body, policy=default) for each in server.arrived]
    assert mails[0]["Subject"] == "Critical: refund burst in Köln Bcc: x@evil.example, worse than before"
    assert mails[0]["To"] == "a@shop.example, b@shop.example"
    assert mails[0]["Bcc"] is None
    assert mails[0]["Message-ID"] == mails[1]["Message-ID"]
    assert "Money: 360.00." in mails[0].get_content()


HOSTILE = "<!channel> [free](http://evil.example) *x* \x00 4111 1111 1111 1111"


@pytest.mark.parametrize("service", WEB)
def test_no_service_gets_a_token_a_card_number_or_markup(service: str) -> None:
    evidence = {"by": {"cardToken": "tok_77"}, "amount": 5.0}
    message = Message(
        "duty",
        HOSTILE,
        (
            AlertNote.of(
                an_alert("a", NOON, message=f"{HOSTILE} tok_77", store_id=HOSTILE, evidence=evidence), "high"
            ),
        ),
    )
    with WebService(service) as server:
        deliver(service, server.url, message)
    (arrival,) = server.arrived
    assert b"tok_77" not in arrival.body
    assert b"1111" not in arrival.body
    body = json.loads(arrival.body)
    if service == "slack":
        assert "<!channel>" not in body["text"]
        assert {block["text"]["type"] for block in body["blocks"]} == {"plain_text"}
    if service == "teams":
        kinds = {each["type"] for each in body["attachments"][0]["content"]["body"]}
        assert kinds == {"RichTextBlock"}  # a TextBlock would read Markdown


CARD = "4111 1111 1111 1111"
FIELDS: dict[str, dict[str, Any]] = {
    "message": {"message": f"Cashier c-1: tok_77, {CARD}."},
    "type": {"type": f"A {CARD}"},
    "detector": {"detector": f"tok_77 {CARD}"},
    "store": {"store_id": f"store {CARD}"},
    "employee": {"employee_id": f"tok_77 {CARD}"},
    "evidence": {"evidence": {"cardToken": "tok_77", "transactionIds": [CARD], "tok_77": CARD}},
    "evidence below": {"evidence": {"lines": [{"customerToken": "tok_77", "sku": CARD}]}},
    "evidence in a list": {"evidence": {"giftCardToken": ["tok_77"]}},
}


@pytest.mark.parametrize("service", [*WEB, "email"])
@pytest.mark.parametrize("field", FIELDS)
def test_whatever_field_of_an_alert_has_a_token_or_a_card_number_no_message_has_it(
    field: str, service: str
) -> None:
    evidence = {"by": {"cardToken": "tok_77"}} if field in ("message", "employee", "detector") else {}
    alert = msgspec.structs.replace(an_alert("a", NOON, evidence=evidence), **FIELDS[field])
    if field.startswith("evidence"):
        alert = msgspec.structs.replace(alert, message=f"Card tok_77, {CARD}")
    message = Message("duty", alert.store_id, (AlertNote.of(alert, "high", "https://b/{alertId}/{storeId}"),))
    with MailService() if service == "email" else WebService(service) as server:
        deliver(service, server.url, message)
    (arrival,) = server.arrived
    shown = arrival.body.decode()
    if service == "email":
        shown += message_from_bytes(arrival.body, policy=default).get_content()
    assert "tok_77" not in shown
    assert "1111" not in shown


def test_a_later_revision_belongs_to_the_incident_of_the_first() -> None:
    with WebService("pagerduty") as server:
        for revision in (1, 2):
            alert = an_alert("a-7", NOON, revision=revision)
            deliver("pagerduty", server.url, Message("duty", "store-1", (AlertNote.of(alert, "high"),)))
    bodies = [json.loads(each.body) for each in server.arrived]
    assert {body["dedup_key"] for body in bodies} == {"a-7"}
    assert {body["routing_key"] for body in bodies} == {"r0utingKEY"}


@pytest.mark.parametrize(
    ("service", "environ", "said"),
    [
        ("slack", {}, "ADDRESS: expected the address of route duty"),
        ("slack", {"ADDRESS": "http://hooks.example/SECRET"}, "begins with https://"),
        ("slack", {"ADDRESS": "https://[SECRET"}, "begins with https://"),
        ("webhook", {"ADDRESS": "https://a.example"}, "KEY: expected the key of route duty (whsec_...)"),
        (
            "webhook",
            {"ADDRESS": "https://a.example", "KEY": "SECRET"},
            "KEY: expected whsec_ and at least 24",
        ),
        ("email", {"ADDRESS": "smtps://u:SECRET@m.example/?from=a@b.example"}, "expected the mail server"),
        ("pagerduty", {"ADDRESS": "https://events.eu.pagerduty.com/SECRET"}, "before the host"),
    ],
)
def test_a_wrong_address_is_one_line_without_its_value(
    service: str, environ: dict[str, str], said: str
) -> None:
    with pytest.raises(StreamerError) as caught:
        route_addresses(route_settings(service), environ)
    assert said in str(caught.value)
    assert "SECRET" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "host", "port", "tls"),
    [
        (
            "smtps://u%40x:p%2Fw@mail.example/?from=a@b.example&to=c@d.example",
            "mail.example",
            465,
            "from the start",
        ),
        (
            "smtp://u%40x:p%2Fw@mail.example:2525/?from=a@b.example&to=c@d.example",
            "mail.example",
            2525,
            "STARTTLS",
        ),
    ],
)
def test_a_mail_server_is_asked_for_tls(url: str, host: str, port: int, tls: str) -> None:
    found = route_addresses(route_settings("email"), {"ADDRESS": url})["duty"]
    assert found == MailAddress(host, port, tls, "u@x", "p/w", "a@b.example", ("c@d.example",))
    assert "p/w" not in repr(found)


def test_a_test_message_goes_out_on_one_route_alone() -> None:
    with WebService("slack", [None, Told(403)]) as server:
        settings = route_settings("slack")
        assert send_trial(settings, {"ADDRESS": server.url}, "duty").endswith("has taken the message")
        with pytest.raises(
            StreamerError, match=r"route duty \(slack\): 127.0.0.1 answers 403: is the address"
        ):
            send_trial(settings, {"ADDRESS": server.url}, "duty")
    assert b"This is a test of the route" in server.arrived[0].body
    assert Route(name="duty").service == "webhook"
