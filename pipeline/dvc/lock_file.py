"""Read and write dvc.lock entry by entry, so that the time for one stage does not depend on the number of stages."""

import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, MutableMapping
from importlib import import_module
from typing import Any

LOCK_FILE = "dvc.lock"
HEAD = "schema: '2.0'\nstages:\n"
# An entry in DVC's format: its name is indented by two spaces, its other lines by four or more. Quotes and brackets
# must close on their line, because later lines of a text could look like a name. YAML has more line ends than Python,
# and some names that it does not read as text, which are excluded.
LINE_END = r"\n\r\x85\u2028\u2029"
PART = rf"""[^{LINE_END}"'\[{{]+|"[^{LINE_END}"]*"|'[^{LINE_END}']*'|\[[^{LINE_END}\[{{]*\]|{{[^{LINE_END}\[{{]*}}"""
ENTRY = re.compile(rf"  (?!(?i:true|false|null):)([A-Za-z_][\w@.+-]*):\n((?:    (?:{PART})*+\n)+)", re.ASCII)
EMPTY_VALUE = re.compile(r"(?<=[:-]) $", re.MULTILINE)
UNUSUAL = re.compile(r"[\"\\\\]|\'\'|-$|^.{78,}$", re.MULTILINE)


class LockEntries(MutableMapping[str, Any]):
    """The entries of a dvc.lock by stage; an entry is parsed when it is first read, and otherwise kept as text."""

    def __init__(self, texts: dict[str, str], load_all: Callable[[], Any]) -> None:
        """Keep the entries.

        Args:
            texts: the text of each entry by stage, in the file's order.
            load_all: a function that parses the whole file, and raises DVC's error if the file is damaged.
        """
        # The value is a text until the entry is parsed.
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
        """Format the entries as in dvc.lock; entries that were read may have been changed, and are formatted again."""
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
            # DVC's own parser raises an error that says where the fault is in the file.
            return self._load_all()["stages"][name]


def split_entries(text: str) -> dict[str, str] | None:
    """Split the text of a dvc.lock into the texts of its entries by stage; None if it is not in DVC's own format."""
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
        DvcException: the text is no YAML.
    """
    return import_module("dvc.utils.serialize").parse_yaml(text, LOCK_FILE)


def load_entries(text: str, load_all: Callable[[], Any] | None = None) -> Any:
    """Return the content of a dvc.lock, with its stages as `LockEntries` if the text is in DVC's own format.

    Args:
        text: the text of the file.
        load_all: a function that parses the whole file; None parses the text without checking it with DVC's schema.
    """
    load_all = load_all or (lambda: parse(text))
    texts = split_entries(text)
    return load_all() if texts is None else {"schema": "2.0", "stages": LockEntries(texts, load_all)}


def format_lock_file(content: Any) -> str:
    """Write the content of a dvc.lock as DVC does.

    Args:
        content: the content of dvc.lock, as `load_entries` returns it, or as mappings, lists and scalars.
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
        """Writes null as an empty value and an ordered mapping as a mapping, as DVC does."""

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
    # The fast emitter writes a space before an empty value.
    text = EMPTY_VALUE.sub("", stream.getvalue())
    # The fast emitter breaks long lines and quotes unusual strings differently from DVC's.
    is_exact = text.isascii() and not UNUSUAL.search(text)
    return text if is_exact else str(import_module("dvc.utils.serialize").dumps_yaml(content))
