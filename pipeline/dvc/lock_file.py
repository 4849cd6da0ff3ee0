"""Read and write dvc.lock entry by entry, so that work on one stage costs the same however many stages there are."""

import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, MutableMapping
from importlib import import_module
from typing import Any

LOCK_FILE = "dvc.lock"
HEAD = "schema: '2.0'\nstages:\n"
# An entry as DVC writes it: its name two spaces in, all else four or more. What is in quotes or brackets ends on its
# line, since lines there could look like a name. YAML has more line ends than Python, and names that are no text.
LINE_END = r"\n\r\x85\u2028\u2029"
PART = rf"""[^{LINE_END}"'\[{{]+|"[^{LINE_END}"]*"|'[^{LINE_END}']*'|\[[^{LINE_END}\[{{]*\]|{{[^{LINE_END}\[{{]*}}"""
ENTRY = re.compile(rf"  (?!(?i:true|false|null):)([A-Za-z_][\w@.+-]*):\n((?:    (?:{PART})*+\n)+)", re.ASCII)
EMPTY_VALUE = re.compile(r"(?<=[:-]) $", re.MULTILINE)
UNUSUAL = re.compile(r"[\"\\\\]|\'\'|-$|^.{78,}$", re.MULTILINE)


class LockEntries(MutableMapping[str, Any]):
    """The entries of a dvc.lock by stage, each parsed when somebody asks for it; what nobody does keeps its text."""

    def __init__(self, texts: dict[str, str], load_all: Callable[[], Any]) -> None:
        """Keep the entries.

        Args:
            texts: the text of each entry by stage, in the file's order.
            load_all: parses the whole file, and raises DVC's error where it is damaged.
        """
        # A text until it is parsed.
        self._entries: dict[str, Any] = dict(texts)
        self._load_all = load_all

    def __getitem__(self, name: str) -> Any:
        entry = self._entries[name]
        if isinstance(entry, str):
            entry = self._entries[name] = self._parse(name, entry)
        return entry

    def __setitem__(self, name: str, entry: Any) -> None:
        self._entries[name] = entry

    def __delitem__(self, name: str) -> None:
        del self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def format(self) -> str:
        """Write the entries as dvc.lock has them; one that was asked for may have been changed, and is written anew."""
        return "".join(
            entry
            if isinstance(entry, str)
            else format_whole({"stages": {name: entry}}).removeprefix("stages:\n")
            for name, entry in self._entries.items()
        )

    def _parse(self, name: str, text: str) -> Any:
        try:
            content = parse(HEAD + text)
            import_module("dvc.schema").COMPILED_LOCKFILE_SCHEMA(content)
            return content["stages"][name]
        except Exception:
            # Whatever is wrong with it, DVC says where in the file.
            return self._load_all()["stages"][name]


def split_entries(text: str) -> dict[str, str] | None:
    """Split the text of a dvc.lock into those of its entries by stage, unless it has any other form than DVC's own."""
    if not text.startswith(HEAD):
        return None
    found, end = {}, len(HEAD)
    for match in ENTRY.finditer(text, end):
        if match.start() != end or match[1] in found:
            return None
        found[match[1]], end = match[0], match.end()
    return found if found and end == len(text) else None


def parse(text: str) -> Any:
    """Parse the text of a dvc.lock, or of a part of it, as DVC does.

    Raises:
        DvcException: it is no YAML.
    """
    return import_module("dvc.utils.serialize").parse_yaml(text, LOCK_FILE)


def load_entries(text: str, load_all: Callable[[], Any] | None = None) -> Any:
    """Return what the text of a dvc.lock holds; see `LockEntries`.

    Args:
        text: the text.
        load_all: parses the whole of it; None parses and does not hold it against DVC's schema.
    """
    load_all = load_all or (lambda: parse(text))
    texts = split_entries(text)
    return load_all() if texts is None else {"schema": "2.0", "stages": LockEntries(texts, load_all)}


def format_lock_file(content: Any) -> str:
    """Write the content of a dvc.lock as DVC does.

    Args:
        content: what dvc.lock holds, as `load_entries` returns it or in mappings, lists and scalars alone.
    """
    stages = content.get("stages")
    if not isinstance(stages, LockEntries):
        return format_whole(content)
    if stages and list(content) == ["schema", "stages"]:
        return HEAD + stages.format()
    return format_whole(content | {"stages": dict(stages)})


def format_whole(content: Any) -> str:
    """Write the content of a dvc.lock as DVC does, by ruamel.yaml's fast emitter."""
    from io import StringIO

    from ruamel.yaml import YAML
    from ruamel.yaml.representer import SafeRepresenter

    class Representer(SafeRepresenter):
        """Writes null as nothing and an ordered mapping as a mapping, as DVC does."""

        def represent_none(self, _: None) -> Any:
            return self.represent_scalar("tag:yaml.org,2002:null", "")

    Representer.add_representer(type(None), Representer.represent_none)
    Representer.add_representer(OrderedDict, Representer.represent_dict)
    yaml: Any = YAML(typ="safe")
    yaml.Representer = Representer
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False
    yaml.width = 10**6
    stream = StringIO()
    yaml.dump(content, stream)
    # The fast emitter puts a space before a null, which is nothing.
    text = EMPTY_VALUE.sub("", stream.getvalue())
    # It breaks long lines and quotes unusual strings in other ways than DVC's.
    is_exact = text.isascii() and not UNUSUAL.search(text)
    return text if is_exact else str(import_module("dvc.utils.serialize").dumps_yaml(content))
