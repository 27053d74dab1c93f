"""Add the pages that are written outside `docs/`, and the API reference, to the site: a hook of MkDocs."""

from __future__ import annotations

import importlib
import inspect
import posixpath
import re
import types
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]

# A page of the site, and the file of the repository that it shows.
COPIES = {
    "index.md": "README.md",
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
    "security.md": "SECURITY.md",
    "helm.md": "helm/retail-anomaly/README.md",
}

# A page of the API reference, and the module whose `__all__` it documents.
REFERENCES = {
    "api/evaluate.md": "retail_anomaly.evaluate",
    "api/plots.md": "retail_anomaly.plots",
    "api/tune.md": "retail_anomaly.tune",
    "api/retail_anomaly.md": "retail_anomaly",
    "api/detector.md": "retail_anomaly.detector",
    "api/notebook.md": "streamer.notebook",
    "api/data_gen.md": "data_gen",
}

_LINK = re.compile(r"(\]\()(?![a-z]+:|#)([^)#\s]+)")


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the copies, the notebooks and the API reference."""
    for page, source in COPIES.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    for page in REFERENCES:
        files.append(File.generated(config, page, content=reference(page)))
    for notebook in sorted((ROOT / "notebooks").glob("*.ipynb")):
        files.append(
            File.generated(config, f"notebooks/{notebook.name}", content=notebook.read_text(encoding="utf-8"))
        )
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links between files of the repository into links between pages of the site."""
    here = page.file.src_uri
    return _LINK.sub(lambda link: link[1] + site_link(here, link[2]), markdown)


def site_link(page: str, link: str) -> str:
    """Return a link of a page as the site has it.

    Examples
    --------
    >>> site_link("index.md", "docs/detectors.md")
    'detectors.md'
    >>> site_link("deploy.md", "../helm/retail-anomaly/README.md")
    'helm.md'
    >>> site_link("decisions/0001-aligned-reading.md", "../operations.md")
    '../operations.md'
    """
    folder = posixpath.dirname(COPIES.get(page, f"docs/{page}"))
    target = posixpath.normpath(posixpath.join(folder, link))
    copied = {source: copy for copy, source in COPIES.items()}
    inside = copied.get(target, target.removeprefix("docs/"))
    if inside == "decisions":
        inside = "decisions/README.md"
    return posixpath.relpath(inside, posixpath.dirname(page) or ".")


def reference(page: str) -> str:
    """Return the page that documents the public names of a module, each where its code stands.

    A name that a page before documents is a link to it.
    """
    module = importlib.import_module(REFERENCES[page])
    before = {place: name for name, place in _documented_before(page)}
    parts = [f"# `{module.__name__}`\n", (inspect.getdoc(module) or "").split("\n\n")[0] + "\n"]
    names = list(public_names(module))
    links = [f"[`{name}`][{place}]" for name, place in names if place in before]
    if links:
        parts.append(f"Also here, described on pages of their own: {', '.join(links)}.\n")
    for name, place in names:
        if place not in before:
            heading = f"{module.__name__}.{name}"
            parts.append(f"::: {place}\n    options:\n      heading: {heading}\n      toc_label: {name}\n")
    return "\n".join(parts)


def public_names(module: types.ModuleType) -> Iterator[tuple[str, str]]:
    """Yield each class and function among a module's public names, and the dotted place of its code."""
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            yield name, f"{value.__module__}.{value.__qualname__}"


def _documented_before(page: str) -> Iterator[tuple[str, str]]:
    for earlier in takewhile(page.__ne__, REFERENCES):
        yield from public_names(importlib.import_module(REFERENCES[earlier]))
