"""Read a trial's lineage from dvc.lock: its stages' commands, dependencies, params and outputs, and a hash of these."""

import hashlib
import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import yaml
from ruamel.yaml.resolver import implicit_resolvers

from stages.common.artifacts import UNFINISHED, Trial
from stages.common.errors import InputError
from stages.common.file_tree import check_regular_file

LOCK_FILE = Path("dvc.lock")
TRIAL_STAGES = ("train", "lipschitz", "sample", "evaluate")
SHARED_STAGES = ("source", "prepare", "extractor", "reference")
KEY_LENGTH = 32
# An entry as DVC writes it: its name is indented by two spaces, all other lines by four or more.
ENTRY = re.compile(r"^  (\S+):\n(?:    .*\n)+", re.MULTILINE)
# DVC's hash of a folder ends with this suffix.
FOLDER_END = ".dir"


class LockLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """PyYAML's fast C loader, with the rules of DVC's own YAML 1.2 parser for plain scalars.

    With PyYAML's own rules, the text `NO` would be false, `13:20` would be 800, and the number `1e-05` would be text.
    """

    yaml_implicit_resolvers: ClassVar[dict[str, list[Any]]] = {}


for _versions, _tag, _pattern, _first in implicit_resolvers:
    if (1, 2) in _versions:
        LockLoader.add_implicit_resolver(_tag, _pattern, _first)

Lock = dict[str, dict[str, Any]]
"""The entries of dvc.lock by stage name."""


class Lineage(NamedTuple):
    """The inputs that a trial's results were computed from.

    Attributes:
        key: a hash of the trial's own stages: their commands, dependencies, params and outputs.
        stage_hashes: a hash of the entry in dvc.lock of each stage that the trial needs, by stage.
        params: the sections of params.yaml that the stages ran with, by dotted key.
        outs: the MD5 of every output, by path.
    """

    key: str
    stage_hashes: dict[str, str]
    params: dict[str, Any]
    outs: dict[str, str]


def read_lock(path: Path = LOCK_FILE) -> Lock:
    """Read the stages of dvc.lock; empty if the file is missing.

    Raises:
        InputError: the file is empty or broken, or is no file, such as a named pipe.
    """
    return parse_lock(_read_text(path), str(path)) if os.path.lexists(path) else {}


def read_entries_of(trials: Iterable[str]) -> Lock:
    """Read the entries of some trials and of the shared stages in dvc.lock; other entries take hardly any time.

    An entry that does not have DVC's own format counts as missing.

    Raises:
        InputError: one of these entries is broken, or the file is empty or truncated.
    """
    if not os.path.lexists(LOCK_FILE):
        return {}
    text = _read_text(LOCK_FILE)
    if not text.endswith("\n"):
        return parse_lock(text, str(LOCK_FILE))
    wanted = {*SHARED_STAGES, *(f"{stage}@{trial}" for trial in trials for stage in TRIAL_STAGES)}
    entries = [entry[0] for entry in ENTRY.finditer(text) if entry[1] in wanted]
    return parse_lock("stages:\n" + "".join(entries), str(LOCK_FILE)) if entries else {}


def _read_text(path: Path) -> str:
    # Reading a pipe would wait for ever.
    check_regular_file(path)
    return path.read_text(encoding="utf-8", errors="replace")


def parse_lock(text: str, name: str) -> Lock:
    """Parse the text of a dvc.lock.

    Raises:
        InputError: the text is empty or broken; the message calls the file `name`.
    """
    try:
        content = yaml.load(text, Loader=LockLoader)  # noqa: S506  LockLoader is a safe loader.
        stages: Lock = content.get("stages") or {}
        if not all(_is_entry(entry) for entry in stages.values()):
            raise TypeError("an entry is cut short")
    except (yaml.YAMLError, AttributeError, TypeError, ValueError):
        raise InputError(
            f"{name} is empty or broken; if DVC is not writing it at this moment, run `git checkout {LOCK_FILE}`"
        ) from None
    return stages


def _is_entry(entry: Any) -> bool:
    """Tell whether a stage's entry has the form that DVC writes."""
    if not isinstance(entry, dict):
        return False
    files = [*entry.get("deps", []), *entry.get("outs", [])]
    params = entry.get("params", {})
    return all(isinstance(file, dict) and isinstance(file.get("path"), str) for file in files) and all(
        isinstance(section, dict) for section in params.values()
    )


def trace_trial(trial: Trial, lock: Lock) -> Lineage | None:
    """Return a trial's lineage; None if dvc.lock lacks one of its stages, or has one that is older than its inputs."""
    own = {stage: lock.get(f"{stage}@{trial.name}") for stage in TRIAL_STAGES}
    shared = {stage: lock.get(stage) for stage in SHARED_STAGES}
    entries = {stage: entry for stage, entry in (shared | own).items() if entry is not None}
    if len(entries) < len(own) + len(shared) or not _is_consistent(entries.values()):
        return None
    content = {stage: _summarise_entry(entry) for stage, entry in entries.items() if stage in own}
    return Lineage(
        key=hash_content(content),
        stage_hashes={stage: hash_content(_summarise_entry(entry)) for stage, entry in entries.items()},
        params={key: value for entry in entries.values() for key, value in _list_params(entry).items()},
        outs={out["path"]: out["md5"] for entry in entries.values() for out in entry.get("outs", [])},
    )


def hash_content(content: Any) -> str:
    """Hash a value that JSON can represent, to 32 hexadecimal digits."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:KEY_LENGTH]


def hash_output(path: Path) -> str:
    """Hash an output as DVC does: the MD5 of a file; for a folder, the MD5 of the sorted list of its files and MD5s."""
    if not path.is_dir():
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    files = [one for one in path.rglob("*") if one.is_file() and not one.name.endswith(UNFINISHED)]
    listing = [{"md5": hash_output(one), "relpath": one.relative_to(path).as_posix()} for one in files]
    listing.sort(key=lambda entry: entry["relpath"])
    content = json.dumps(listing, sort_keys=True).encode()
    return hashlib.md5(content, usedforsecurity=False).hexdigest() + FOLDER_END


def _is_consistent(entries: Iterable[dict[str, Any]]) -> bool:
    """Tell whether every stage read the latest outputs of the others; during a run, some stages may still be older."""
    entries = list(entries)
    written = {out["path"]: out.get("md5") for entry in entries for out in entry.get("outs", [])}
    read = [(dep["path"], dep.get("md5")) for entry in entries for dep in entry.get("deps", [])]
    return all(written.get(path, md5) == md5 for path, md5 in read)


def _summarise_entry(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the parts of a stage's entry that identify what it computed."""
    return {
        "cmd": entry.get("cmd"),
        "deps": {dep["path"]: dep.get("md5") for dep in entry.get("deps", [])},
        "params": _list_params(entry),
        "outs": {out["path"]: out.get("md5") for out in entry.get("outs", [])},
    }


def _list_params(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: value for file in entry.get("params", {}).values() for key, value in file.items()}
