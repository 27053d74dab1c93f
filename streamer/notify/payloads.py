"""The bodies of the requests, one function for each service.

Texts go in as plain text: a store or a cashier whose id is a link or a mention must not become one.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from retail_anomaly.notifications import Message
from streamer.notify.addresses import signing_key

_JSON: Final = {"Content-Type": "application/json"}
_SLACK_TEXT: Final = 2_900  # a block takes 3,000 characters
_PAGERDUTY_TEXT: Final = 1_000
_PAGERDUTY_SEVERITY: Final = {"critical": "critical", "high": "error", "medium": "warning", "low": "info"}
_SIGNED: Final = "v1"


def slack(message: Message) -> bytes:
    """Return the body for an incoming webhook of Slack.

    Examples
    --------
    >>> from retail_anomaly.notifications import AlertNote
    >>> note = AlertNote("a", 1, "SHRINKAGE", "<!channel>", 1, "high", "10 pieces are missing.")
    >>> msgspec.json.decode(slack(Message("duty", "<!channel>", (note,))))["text"]
    'High: shrinkage in &lt;!channel&gt;'
    """
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": _plain_block(message.title[:150])},
        {"type": "section", "text": _plain_block("\n".join(message.lines)[:_SLACK_TEXT])},
    ]
    if message.link:
        button = {"type": "button", "text": _plain_block("Open the case"), "url": message.link}
        blocks.append({"type": "actions", "elements": [button]})
    # The text stands in the notification of a phone, in Slack's markup.
    text = message.title.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return msgspec.json.encode({"text": text, "blocks": blocks})


def teams(message: Message) -> bytes:
    """Return the body for a workflow of Teams that posts to a channel: a card.

    Examples
    --------
    >>> from retail_anomaly.notifications import AlertNote
    >>> note = AlertNote("a", 1, "SHRINKAGE", "store-1", 1_760_000_000_000, "high", "10 pieces are missing.")
    >>> body = msgspec.json.decode(teams(Message("duty", "store-1", (note,))))
    >>> body["attachments"][0]["content"]["body"][0]["inlines"][0]["text"]
    'High: shrinkage in store-1'
    """
    runs = [
        {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": line}]} for line in message.lines
    ]
    title = {"type": "TextRun", "text": message.title, "weight": "Bolder", "size": "Large"}
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [{"type": "RichTextBlock", "inlines": [title]}, *runs],
    }
    if message.link:
        card["actions"] = [{"type": "Action.OpenUrl", "title": "Open the case", "url": message.link}]
    kind = "application/vnd.microsoft.card.adaptive"
    return msgspec.json.encode(
        {"type": "message", "attachments": [{"contentType": kind, "contentUrl": None, "content": card}]}
    )


def pagerduty(message: Message, key: str) -> bytes:
    """Return the body for PagerDuty's Events API, version 2.

    A later revision of an alert belongs to the incident of the first, and so does a message that is sent a
    second time.

    Examples
    --------
    >>> from retail_anomaly.notifications import AlertNote
    >>> note = AlertNote("a", 1, "SHRINKAGE", "store-1", 1_760_000_000_000, "high", "10 pieces are missing.")
    >>> body = msgspec.json.decode(pagerduty(Message("duty", "store-1", (note,)), "key"))
    >>> body["dedup_key"], body["payload"]["severity"]
    ('a', 'error')
    """
    first = message.notes[0]
    summary = f"{message.title}: {first.sentence}"
    body: dict[str, Any] = {
        "routing_key": key,
        "event_action": "trigger",
        "dedup_key": first.alert_id if len(message.notes) == 1 else message.id,
        "payload": {
            "summary": summary[:_PAGERDUTY_TEXT],
            "source": first.store,
            "severity": _PAGERDUTY_SEVERITY[message.severity],
            "timestamp": datetime.fromtimestamp(first.event_time / 1000, UTC).isoformat(),
            "class": first.type,
            "custom_details": {"alerts": message.lines},
        },
    }
    if message.link:
        body["links"] = [{"href": message.link, "text": "Open the case"}]
    return msgspec.json.encode(body)


def webhook(message: Message) -> bytes:
    """Return the body for a webhook of your own.

    Examples
    --------
    >>> from retail_anomaly.notifications import AlertNote
    >>> note = AlertNote("a", 1, "SHRINKAGE", "store-1", 1_760_000_000_000, "high", "10 pieces are missing.")
    >>> body = msgspec.json.decode(webhook(Message("duty", "store-1", (note,))))
    >>> body["type"], body["data"]["alerts"][0]["alertId"]
    ('alerts.raised', 'a')
    """
    return msgspec.json.encode(
        {
            "type": "alerts.raised",
            "timestamp": datetime.fromtimestamp(message.notes[0].event_time / 1000, UTC).isoformat(),
            "data": {
                "route": message.route,
                "storeId": message.notes[0].store,
                "title": message.title,
                "alerts": [
                    {
                        "alertId": note.alert_id,
                        "revision": note.revision,
                        "type": note.type,
                        "severity": note.severity,
                        "eventTime": note.event_time,
                        "message": note.sentence,
                        "money": note.money,
                        "link": note.link,
                    }
                    for note in message.notes
                ],
            },
        }
    )


def plain_headers() -> dict[str, str]:
    """Return the headers of a request that is not signed.

    Examples
    --------
    >>> plain_headers()
    {'Content-Type': 'application/json'}
    """
    return dict(_JSON)


def signed_headers(message_id: str, body: bytes, keys: Sequence[str], seconds: int) -> Mapping[str, str]:
    """Return the headers of a webhook, signed as Standard Webhooks 1.0.0 says.

    The signature is HMAC-SHA256 over id, time and body, joined by dots. With several keys there is one of
    each, so that a receiver can change to the next key at any time.

    Parameters
    ----------
    message_id
        The same when the message is sent a second time; the receiver knows it by that.
    body
        The body.
    keys
        The keys.
    seconds
        The present time in epoch seconds.

    Examples
    --------
    >>> signed_headers("m", b"{}", ["whsec_" + "YWJj" * 8], 1_760_000_000)["webhook-id"]
    'm'
    """
    signed = b".".join([message_id.encode(), str(seconds).encode(), body])
    signatures = (
        base64.b64encode(hmac.new(signing_key(key), signed, hashlib.sha256).digest()).decode() for key in keys
    )
    return {
        **_JSON,
        "webhook-id": message_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(f"{_SIGNED},{each}" for each in signatures),
    }


def _plain_block(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}
