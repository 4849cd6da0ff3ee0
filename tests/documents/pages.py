"""Read pages as browsers do: their anchors, what they link to, and what they fetch."""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# The attributes whose addresses a browser fetches by itself, by tag.
FETCHED = {("script", "src"), ("img", "src"), ("link", "href"), ("source", "src"), ("iframe", "src")}


class Page(HTMLParser):
    """The anchors of a page, what it links to, and what it fetches."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: set[str] = set()
        self.fetched: set[str] = set()
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value for name, value in attrs if value}
        self.anchors |= {named[name] for name in ("id", "name") if name in named}
        if tag == "a" and "href" in named:
            self.links.add(named["href"])
        is_address = named.get("rel") in ("canonical", "next", "prev")
        self.fetched |= {value for name, value in named.items() if (tag, name) in FETCHED and not is_address}


def find_dead_links(site: dict[Path, Page], file: Path) -> list[str]:
    """List the addresses on a page that name a file or an anchor which the site does not have."""
    dead = []
    for address in site[file].links | site[file].fetched:
        parts = urlsplit(address)
        if parts.scheme or parts.netloc:
            continue
        # The page for missing addresses (404) has links from the root of the server.
        root = next(iter(site)).parent if parts.path.startswith("/") else file.parent
        target = (root / unquote(parts.path).lstrip("/")).resolve() if parts.path else file
        target = target / "index.html" if target.is_dir() else target
        anchor = unquote(parts.fragment)
        if not target.is_file() or (anchor and target in site and anchor not in site[target].anchors):
            dead.append(address)
    return dead
