"""Have DVC read and rewrite no more of dvc.lock than is new, and wait for its lock no longer than it is held.

DVC parses dvc.lock whenever it looks at a stage, parses it again with what keeps comments, which that file never has,
and then writes every stage anew: 0.8 s a stage for the default grid. Here each stage's entry is parsed once, in the
process that DVC's commands are forked off, and what is unchanged is written as it stood: the same content and the same
bytes, in a tenth of the time. Two stages that end at once wait for each other: DVC looks every half second whether it
may go on, here every 20 ms.
"""

import contextlib
import pickle
import re
from contextlib import AbstractContextManager
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from pipeline.flow.whole_files import WholeFiles

NAME = "dvc.lock"
HEAD = "schema: '2.0'\nstages:\n"
# Where the entry of a stage begins.
ENTRY = re.compile(r"^  (?=\S)", re.MULTILINE)
# One entry may refer to another: then they cannot be read apart.
REFERENCE = re.compile(r"^ *(- )?(\S+: )?[&*]", re.MULTILINE)
# DVC looks six times within what it calls its time-out; under --wait-for-lock it goes on looking at that pace.
LOOKS, LOOK_SECONDS = 6, 0.02


class Entry(NamedTuple):
    """What is known of a stage's entry.

    Attributes:
        name: of the stage.
        content: what it says, pickled, as DVC may change what it is given.
        said: the same as Python writes it, which tells 1 from 1.0: those are equal, and not written alike.
        written: its lines.
    """

    name: str
    content: bytes
    said: str
    written: str


# By how they are written.
_known: dict[str, Entry] = {}


def hasten() -> None:
    """Have the DVC of this process do so."""
    import_module("dvc.dvcfile").modify_yaml = modify_yaml  # type: ignore[attr-defined]
    import_module("dvc.utils.strictyaml").parse_yaml = parse_yaml  # type: ignore[attr-defined]


def look_often() -> None:
    """Have the DVC of this process, which waits for the lock however long, look for it often."""
    import_module("dvc.lock").DEFAULT_TIMEOUT = LOOKS * LOOK_SECONDS  # type: ignore[attr-defined]


def learn(path: Path) -> None:
    """Parse what is new in a lock file, for all commands to be forked off this process; one being written may wait."""
    with contextlib.suppress(OSError, UnicodeDecodeError, _yaml().YAMLError):
        _read_entries(path.read_text(encoding="utf-8"))


def parse_yaml(text: str, path: str, typ: str = "safe") -> Any:
    """Parse a YAML file; stands in the place of DVC's function of this name."""
    if Path(path).name == NAME and typ == "safe":
        return LockFile().parse(text, path)
    return _yaml().parse_yaml(text, path, typ)


def modify_yaml(path: str, fs: Any = None) -> AbstractContextManager[Any]:
    """Yield what a YAML file holds, to be changed, and write it; stands in the place of DVC's function of this name."""
    file: Any = LockFile() if Path(path).name == NAME else None
    parse, dump = (file.parse, file.dump) if file else (_yaml().parse_yaml_for_update, _yaml()._dump)
    modify = import_module("dvc.utils.serialize._common")._modify_data
    manager: AbstractContextManager[Any] = modify(
        path, parse, dump, fs=WholeFiles(fs or import_module("dvc.fs").localfs)
    )
    return manager


class LockFile:
    """A lock file that is read, changed and written once."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}

    def parse(self, text: str, path: str) -> Any:
        """Read the file, and keep of each stage how it is written."""
        entries = _read_entries(text)
        if entries is None:
            return _yaml().parse_yaml(text, path)
        self._entries = {entry.name: entry for entry in entries}
        stages = {entry.name: pickle.loads(entry.content) for entry in entries}  # noqa: S301  our own
        return {"schema": "2.0", "stages": stages}

    def dump(self, content: Any, stream: TextIO) -> None:
        """Write the file, each stage that is as it was as it stood."""
        if list(content) != ["schema", "stages"] or content["schema"] != "2.0" or not content["stages"]:
            _yaml()._dump(content, stream)
            return
        stream.write(HEAD)
        for name, said in content["stages"].items():
            entry = self._entries.get(name)
            if entry is not None and entry.said == repr(said):
                stream.write(entry.written)
            else:
                stream.write(_yaml().dumps_yaml({"stages": {name: said}}).partition("\n")[2])


def _read_entries(text: str) -> list[Entry] | None:
    """Read what each stage's entry says; None where that cannot be told entry by entry."""
    if not text.startswith(HEAD) or REFERENCE.search(text):
        return None
    entries = []
    for rest in ENTRY.split(text.removeprefix(HEAD))[1:]:
        written = f"  {rest}"
        if written not in _known:
            ((name, content),) = _yaml().parse_yaml(written, NAME).items()
            _known[written] = Entry(name, pickle.dumps(content), repr(content), written)
        entries.append(_known[written])
    # Without any, or with two of one stage, what DVC makes of it is the answer.
    return entries if entries and len({entry.name for entry in entries}) == len(entries) else None


def _yaml() -> Any:
    return import_module("dvc.utils.serialize._yaml")
