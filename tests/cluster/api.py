"""Kubernetes' API over HTTP."""

from __future__ import annotations

import json
import ssl
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tests.support.waiting import PATIENCE_S

Object = dict[str, Any]
MERGE = "application/merge-patch+json"
STATUS = "application/strategic-merge-patch+json"


class Api:
    """The API server, as one who may do all, or as an account.

    Parameters
    ----------
    url
        Its address.
    token
        Whose token.
    authority
        The file of the certificate that it shows.
    """

    def __init__(self, url: str, token: str, authority: Path) -> None:
        self.url, self.authority = url, authority
        self._token = token
        self._context = ssl.create_default_context(cafile=str(authority))

    def as_account(self, namespace: str, account: str) -> Api:
        """Return the API as the pods of an account see it."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        made = self.call("POST", path, {"spec": {"expirationSeconds": 600}})
        return Api(self.url, made["status"]["token"], self.authority)

    def call(self, method: str, path: str, body: Object | None = None, kind: str = "application/json") -> Any:
        """Return the answer; raise HTTPError if it is not a success."""
        request = Request(  # noqa: S310 - our own server's address
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": kind},
        )
        try:
            with urlopen(request, context=self._context, timeout=PATIENCE_S) as answer:  # noqa: S310
                raw = answer.read()
        except HTTPError as error:
            error.add_note(error.read(500).decode(errors="replace"))
            raise
        return json.loads(raw) if raw.startswith(b"{") else raw.decode()

    def find(self, path: str) -> Object | None:
        """Return an object, or None if it is not there."""
        try:
            found: Object = self.call("GET", path)
        except HTTPError as error:
            if error.code == 404:
                return None
            raise
        return found

    def items(self, path: str) -> list[Object]:
        """Return the objects of a list."""
        found: list[Object] = self.call("GET", path)["items"]
        return found
