"""Read Markdown as GitHub shows it: links, anchors, and the commands of code blocks."""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.driving import ROOT, call

PARSER = MarkdownIt("commonmark").enable("table")
ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*:")


def list_documents() -> list[Path]:
    """List the Markdown files that Git knows or would add."""
    listed = call("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md", folder=ROOT)
    return sorted(ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file())


def walk(text: str) -> Iterator[Token]:
    """Walk over all tokens of a text, those within lines too."""
    for token in PARSER.parse(text):
        yield token
        yield from token.children or ()


def list_links(text: str) -> list[str]:
    """List the targets of links and pictures, without those that name another site."""
    found = [str(token.attrs.get("href") or token.attrs.get("src") or "") for token in walk(text)]
    return [target for target in found if target and not ADDRESS.match(target)]


def list_anchors(text: str) -> set[str]:
    """List the anchors that GitHub gives to headings: lower case, no punctuation, dashes for spaces."""
    tokens = PARSER.parse(text)
    headings = [after for token, after in pairwise(tokens) if token.type == "heading_open"]
    counts: Counter[str] = Counter()
    anchors = set()
    for heading in headings:
        words = "".join(
            token.content for token in heading.children or () if token.type in ("text", "code_inline")
        )
        anchor = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
        anchors.add(f"{anchor}-{counts[anchor]}" if counts[anchor] else anchor)
        counts[anchor] += 1
    return anchors


def list_commands(text: str) -> list[str]:
    """List the commands of a text: lines of code blocks that begin with `$ `, and inline code."""
    lines = []
    for token in walk(text):
        if token.type == "fence":
            joined = token.content.replace("\\\n", " ")
            lines += [line.removeprefix("$ ") for line in joined.splitlines() if line.startswith("$ ")]
        elif token.type == "code_inline":
            lines.append(token.content)
    return [line.partition("  #")[0].strip() for line in lines]
