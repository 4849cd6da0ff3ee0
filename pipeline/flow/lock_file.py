"""Have DVC rewrite no more of dvc.lock than has changed, and wait for its lock no longer than it is held.

DVC rewrites dvc.lock after every stage. It reads it with what keeps comments, which that file never has (0.42 s for the
default grid), and writes every stage anew (0.27 s). Here the quick reader reads it, and what is unchanged stays as
it stands: the same bytes, in a tenth of the time. Two stages that end at once wait for each other: DVC looks every half
second whether it may go on, here every 20 ms.
"""

import re
from contextlib import AbstractContextManager
from importlib import import_module
from pathlib import Path
from typing import Any, TextIO

NAME = "dvc.lock"
# Where the entry of a stage begins.
ENTRY = re.compile(r"^  (?=\S)", re.MULTILINE)
HEAD = "stages:\n"
# DVC looks six times within what it calls its time-out; under --wait-for-lock it goes on looking at that pace.
LOOKS, LOOK_SECONDS = 6, 0.02


def hasten() -> None:
    """Have the DVC of this process do so."""
    module = import_module("dvc.dvcfile")
    module.modify_yaml = modify_yaml  # type: ignore[attr-defined]


def look_often() -> None:
    """Have the DVC of this process, which waits for the lock however long, look for it often."""
    module = import_module("dvc.lock")
    module.DEFAULT_TIMEOUT = LOOKS * LOOK_SECONDS  # type: ignore[attr-defined]


def modify_yaml(path: str, fs: Any = None) -> AbstractContextManager[Any]:
    """Yield what a YAML file holds, to be changed, and write it; stands in the place of DVC's function of this name."""
    common, own = import_module("dvc.utils.serialize._common"), import_module("dvc.utils.serialize._yaml")
    file: Any = LockFile() if Path(path).name == NAME else None
    parse, dump = (file.parse, file.dump) if file else (own.parse_yaml_for_update, own._dump)
    manager: AbstractContextManager[Any] = common._modify_data(path, parse, dump, fs=fs)
    return manager


class LockFile:
    """A lock file that is read, changed and written once."""

    def __init__(self) -> None:
        self._own = import_module("dvc.utils.serialize._yaml")
        self._entries: dict[str, tuple[str, str]] = {}

    def parse(self, text: str, path: str) -> Any:
        """Read the file, and keep of each stage what it says and how that is written."""
        content = self._own.parse_yaml(text, path)
        stages = content.get("stages") or {}
        written = ENTRY.split(text.partition(HEAD)[2])[1:]
        if len(written) == len(stages):
            self._entries = {
                name: (repr(entry), f"  {lines}")
                for (name, entry), lines in zip(stages.items(), written, strict=True)
            }
        return content

    def dump(self, content: Any, stream: TextIO) -> None:
        """Write the file, each stage that is as it was as it stood."""
        if list(content) != ["schema", "stages"] or not content["stages"]:
            self._own._dump(content, stream)
            return
        stream.write(self._own.dumps_yaml({"schema": content["schema"]}) + HEAD)
        for name, entry in content["stages"].items():
            said, lines = self._entries.get(name, ("", ""))
            # As text, since 1, 1.0 and true are equal and not written alike.
            if said != repr(entry):
                lines = self._own.dumps_yaml({"stages": {name: entry}}).removeprefix(HEAD)
            stream.write(lines)
