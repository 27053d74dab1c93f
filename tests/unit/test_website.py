"""The documentation site: it builds without a warning and needs no network to be read."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import IN_CI
from tests.support.browser import Browser

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
# Tags whose address a browser fetches by itself; a link is followed by the reader only.
FETCHED = re.compile(
    r"<(?:script|link|img|iframe|source|object|embed)\b[^>]*?\b(?:src|href|data)=[\"']?([^\"'\s>]+)"
)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of the built site."""
    if importlib.util.find_spec("mkdocstrings") is None:
        if IN_CI:
            pytest.fail("CI must have the extra `docs`", pytrace=False)
        pytest.skip("the extra `docs` is not installed")
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


def test_no_page_refers_to_a_server(site: Path):
    fetched = {
        f"{page.relative_to(site)}: {address}"
        for page in site.rglob("*.html")
        for address in FETCHED.findall(page.read_text(encoding="utf-8"))
        if re.match(r"[a-z]+:|//", address) and not address.startswith("data:")
    }
    styles = {
        str(style)
        for style in site.rglob("*.css")
        if re.search(r"url\(['\"]?(?:https?:)?//", style.read_text())
    }
    assert not fetched | styles


def test_every_page_of_docs_is_on_the_site(site: Path):
    pages = {
        path.relative_to(ROOT / "docs")
        for path in (ROOT / "docs").rglob("*.md")
        if path.parent.name != "images"
    }
    built = {path.relative_to(site) for path in site.rglob("*.html")}
    as_built = {
        path.parent / ("index.html" if path.stem == "README" else f"{path.stem}.html") for path in pages
    }
    assert as_built <= built


def test_every_public_function_is_in_the_reference(site: Path):
    import retail_anomaly

    reference = "".join(page.read_text(encoding="utf-8") for page in (site / "api").glob("*.html"))
    named = [name for name in retail_anomaly.__all__ if callable(getattr(retail_anomaly, name))]
    assert not [name for name in named if not re.search(rf'id="[\w.]+\.{name}"', reference)]


def test_a_page_opened_from_disk_finds_a_word(site: Path, browser: Browser):
    with browser.open(f"{(site / 'index.html').as_uri()}?q=refund_burst", width=1200, height=900) as page:
        page.wait_until("document.querySelector('.md-search-result__item a')")
        assert not page.errors
        assert not [
            address for address in page.requests if not address.startswith(("file:", "data:", "blob:"))
        ]
        assert "refund_burst" in page.value("document.querySelector('.md-search-result__list').innerText")
