"""The site builds without a warning, its links lead somewhere, and nothing on it comes from another host."""

import shutil
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from tests.documents.pages import Page, find_dead_links
from tests.driving import ROOT, call

# These pages are not files of docs/: scripts/mkdocs_hooks.py makes them.
GENERATED = {"index.md", "contributing.md", "changelog.md", "security.md"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Page]:
    folder = tmp_path_factory.mktemp("site")
    mkdocs = shutil.which("mkdocs", path=str(Path(sys.executable).parent))
    assert mkdocs is not None
    call(mkdocs, "build", "--strict", "--site-dir", str(folder), folder=ROOT)
    return {file: Page(file) for file in sorted(folder.rglob("*.html"))}


@pytest.mark.slow
def test_every_link_on_the_site_leads_somewhere(site: dict[Path, Page]) -> None:
    assert len(site) > 40
    dead = {str(file): find_dead_links(site, file) for file in site}
    assert {file: links for file, links in dead.items() if links} == {}


@pytest.mark.slow
def test_nothing_on_the_site_comes_from_another_host(site: dict[Path, Page]) -> None:
    addresses = {address for page in site.values() for address in page.fetched}
    assert addresses
    assert not {
        found for found in addresses if urlsplit(found).scheme not in ("", "data") or urlsplit(found).netloc
    }
    sheets = [sheet for page in site for sheet in page.parent.glob("assets/stylesheets/*.css")]
    assert sheets and not [sheet for sheet in sheets if "url(http" in sheet.read_text(encoding="utf-8")]


@pytest.mark.slow
def test_the_results_are_on_the_site(site: dict[Path, Page]) -> None:
    folder = next(iter(site)).parent
    pages = sorted((ROOT / "docs/results").glob("*/index.html"))
    assert pages
    assert all(folder / page.relative_to(ROOT / "docs") in site for page in pages)


def list_nav(entry: object) -> list[str]:
    """List the pages of a part of the navigation."""
    if isinstance(entry, dict):
        return [page for part in entry.values() for page in list_nav(part)]
    return [page for part in entry for page in list_nav(part)] if isinstance(entry, list) else [str(entry)]


def test_every_document_is_in_the_navigation() -> None:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    navigation = list_nav(yaml.safe_load(text[text.index("\nnav:") : text.index("\nextra_css:")])["nav"])
    documents = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert set(navigation) == documents | GENERATED
    assert len(navigation) == len(set(navigation))
