"""Who may open the board, and under which name they act."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEADERS: Final = {
    # Nothing from other hosts, no inline script or style: an id in an alert may be hostile.
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; "
    "img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True)
class Rules:
    """Who may open the board.

    Parameters
    ----------
    name
        The person who acts, on a board of this machine.
    user_header
        The header in which a proxy names the person; None: a board of this machine, which asks for its token.
    hosts
        The names under which browsers may reach the board; empty: any. It keeps pages of other sites from
        reaching a board on this machine under a name of their own.
    token
        The secret in the board's address, on a board of this machine.
    """

    name: str
    user_header: str | None = None
    hosts: Collection[str] = ()
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)


class Access:
    """Let people in: by the token of the board's address, or by the name that a proxy gives.

    Parameters
    ----------
    app
        The application behind it.
    rules
        Who may open the board.
    """

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self._app = app
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on with the person's name."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        scope["state"] = {**scope.get("state", {}), "person": self._person(request)}

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        answer = self._refusal(request)
        await (answer or self._app)(scope, receive, send_guarded)

    def _cookie(self, request: Request) -> str:
        # A browser sends a machine's cookies to all of its ports, and each board has a secret of its own.
        return f"review-{request.url.port or 80}"

    def _person(self, request: Request) -> str | None:
        if self._rules.user_header is not None:
            return request.headers.get(self._rules.user_header, "").strip() or None
        shown = request.cookies.get(self._cookie(request), "")
        return self._rules.name if self._is_token(shown) else None

    def _is_token(self, shown: str) -> bool:
        return compare_digest(shown.encode(), self._rules.token.encode())

    def _refusal(self, request: Request) -> Response | None:
        if self._rules.hosts and request.url.hostname not in self._rules.hosts:
            return PlainTextResponse("This board answers under its own name only.", 421)
        if request.url.path == "/healthz":
            return None
        if request.method == "POST" and not _from_this_page(request):
            return PlainTextResponse("This form was sent by a page of another site.", 403)
        if request.state.person is not None:
            return None
        if self._rules.user_header is not None:
            return PlainTextResponse(f"The proxy sent no header {self._rules.user_header}.", 401)
        given = request.query_params.get("token", "")
        if request.method == "GET" and self._is_token(given):
            welcome = RedirectResponse("/", 303)
            welcome.set_cookie(self._cookie(request), self._rules.token, httponly=True, samesite="strict")
            return welcome
        return PlainTextResponse("Open the address that the command printed: it holds the token.", 401)


def _from_this_page(request: Request) -> bool:
    """Tell whether a browser sent the form from one of our own pages."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")
    return origin is None or origin.partition("://")[2] == request.headers.get("host")
