"""A person at the board of cases: its command as a process, and a browser without a screen."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Self

from tests.support.waiting import PATIENCE_S


@dataclass
class Form:
    """A form of a page: where it leads, and the fields that nobody fills in."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)

    @property
    def alert_id(self) -> str | None:
        """The one alert that it judges, if it does not judge the case."""
        return self.fields.get("alert")


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "a":
            self.links.append(given.get("href", ""))
        elif tag == "form" and given.get("method") == "post":
            self.forms.append(Form(given["action"]))
        elif tag == "input" and given.get("type") == "hidden":
            self.forms[-1].fields[given["name"]] = given["value"]


class BoardBrowser:
    """`retail-anomaly review --broker`, opened at the address that it prints.

    It keeps the cookies that it is given, follows links and sends the forms that stand on the pages, with
    the fields and the headers of a browser.
    """

    def __init__(self, broker: str, name: str) -> None:
        command = [sys.executable, "-m", "retail_anomaly.cli", "review", "--broker", broker]
        self._process = subprocess.Popen(
            [*command, "--port", "0", "--no-browser", "--as", name],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ,
        )
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        address = next(word for word in said.split() if word.startswith("http://"))
        self._root = address.partition("?")[0].rstrip("/")
        jar = CookieJar(DefaultCookiePolicy(rfc2109_as_netscape=True))
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
        self._get(address.removeprefix(self._root))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGINT)
        self._process.wait(60)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def waiting(self) -> list[str]:
        """Return the ids of the cases on the first page of the list, in its order."""
        links = _Page(self._get("/")).links
        return [link.split("/")[2].partition("?")[0] for link in links if link.startswith("/case/")]

    def forms(self, case_id: str) -> list[Form]:
        """Open a case, and return the forms that judge it or one of its alerts."""
        forms = _Page(self._get(f"/case/{case_id}")).forms
        return [form for form in forms if form.fields.get("action") == "verdict"]

    def text(self, case_id: str) -> str:
        """Return the page of a case."""
        return self._get(f"/case/{case_id}")

    def press(self, form: Form, verdict: str, reason: str) -> None:
        """Send a form by one of its buttons."""
        self._get(form.action, {**form.fields, "reason": reason, "verdict": verdict})

    def _get(self, path: str, fields: Mapping[str, str] | None = None) -> str:
        body = None if fields is None else urllib.parse.urlencode(fields).encode()
        headers = {"Sec-Fetch-Site": "same-origin" if body else "none"}
        request = urllib.request.Request(f"{self._root}{path}", body, headers)  # noqa: S310
        with self._opener.open(request, timeout=PATIENCE_S) as answer:
            text: str = answer.read().decode()
        return text
