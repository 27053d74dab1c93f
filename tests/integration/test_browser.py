"""The browser of the tests sees faults: a broken page does not pass as whole."""

from __future__ import annotations

import pytest

from tests.support.browser import BrowserError, pixels, share_of_ink

BROKEN = """<!doctype html><title>x</title><body style="background: white">
<script>console.error("said"); fetch("https://example.org/").catch(() => 0);
setTimeout(() => thrown())</script>"""


def test_errors_and_requests_of_a_page_are_noted(browser, tmp_path):
    path = tmp_path / "broken.html"
    path.write_text(BROKEN, "utf-8")
    with browser.open(path.as_uri()) as page:
        page.value("new Promise(done => setTimeout(done, 50))")
        page.wait_until("true")
        errors = "\n".join(page.errors)
        assert page.requests == [path.as_uri(), "https://example.org/"]
        assert share_of_ink(pixels(page.png())) == 0
        with pytest.raises(BrowserError, match="not yet: window"):
            page.wait_until("window.never", seconds=0.2)
    for part in ("said", "thrown is not defined", "ERR_NAME_NOT_RESOLVED"):
        assert part in errors
    with pytest.raises(BrowserError, match="ERR_FILE_NOT_FOUND"), browser.open((tmp_path / "none").as_uri()):
        pass
