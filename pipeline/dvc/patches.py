"""Patches of DVC, for one version of it; with any other version, DVC runs without them.

Four patches protect data.
- dvc.lock and the rwlock are replaced by a rename. DVC itself truncates the file and then writes it, so a killed
  command leaves a truncated file, which every later command refuses.
- Holders of the rwlock that have ended are dropped, even if another process has the same id now.
- An empty, unfinished or damaged entry of the run-cache is ignored. DVC fails on it, or restores only a part of a
  stage's outputs.
- An output of another user is replaced by a copy. DVC fails on it, because only its owner may change its mode.

Two patches save time.
- The command `python -m stages.*` of a stage is forked from the process that has imported torch.
- Only those entries of dvc.lock are parsed and written that a command needs, by a faster parser that does not keep
  comments, which dvc.lock does not have.
docs/log.md has the patches in the form of fixes for DVC, with the gain of each.
"""

import json
import multiprocessing
import os
import re
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pipeline.dvc.fork_server import CAN_FORK
from pipeline.dvc.leftovers import drop_ended_holders, list_run_cache_entries
from pipeline.dvc.lock_file import LOCK_FILE, format_lock_file, load_entries
from pipeline.dvc.worker import enter, run_module, watch_lifeline
from stages.common.artifacts import UNFINISHED

VERSION = "3.67.1"
# If this variable is set, DVC runs without the patches, as another version of DVC does.
OFF_VARIABLE = "COMPARISON_DVC_UNPATCHED"
# A word of a stage's command that a shell would not interpret.
PLAIN_WORD = re.compile(r"[\w@%+=:,./-]+")
LOCK_POLL_SECONDS = 0.02
_seconds = {"commands": 0.0}


def describe_other_version() -> str:
    """Say that DVC runs without patches, and what that costs; "" if the installed version is that of the patches."""
    installed = version("dvc")
    if installed == VERSION and OFF_VARIABLE not in os.environ:
        return ""
    return (
        f"DVC {installed} runs without patches, because they are for {VERSION}: every stage takes some seconds more, "
        "and a flow that is killed may leave a truncated dvc.lock (`git checkout dvc.lock` restores it) or a truncated "
        ".dvc/tmp/rwlock (remove it)"
    )


def apply_patches() -> None:
    """Patch the DVC of this process if its version is the one that the patches are for."""
    if describe_other_version():
        return
    # DVC polls its lock at intervals of a sixth of this timeout, however long it waits.
    import_module("dvc.lock").DEFAULT_TIMEOUT = 6 * LOCK_POLL_SECONDS  # type: ignore[attr-defined]
    _patch_lock_file()
    _patch_rwlock()
    _patch_run_cache()
    _patch_modes()
    _patch_stage_command()


def command_seconds() -> float:
    """Return the seconds that the commands of stages have taken in this process; 0.0 if DVC runs without patches."""
    return _seconds["commands"]


# Atomic writes


def replace_file(path: Path, text: str) -> None:
    """Replace a file's content by a rename. DVC holds a lock when it writes, so one temporary name is enough."""
    unfinished = Path(".dvc/tmp") / f"{path.name}.unfinished"
    with unfinished.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


@contextmanager
def modify_yaml(path: str, fs: Any = None) -> Iterator[Any]:
    """Yield the content of a YAML file, and write it after the caller has changed it; replaces DVC's function."""
    if Path(path).name != LOCK_FILE:
        with import_module("dvc.utils.serialize").modify_yaml(path, fs=fs) as other:
            yield other
        return
    content = load_entries(Path(path).read_text(encoding="utf-8")) if Path(path).exists() else {}
    yield content
    replace_file(Path(path), format_lock_file(content))


def _patch_lock_file() -> None:
    dvcfile: Any = import_module("dvc.dvcfile")
    load_whole = dvcfile.FileMixin._load_yaml

    def load_by_entries(self: Any, **options: Any) -> tuple[Any, str]:
        try:
            with self.repo.fs.open(self.path, encoding="utf-8") as file:
                text = file.read()
        except UnicodeDecodeError:
            text = None
        # With options a parser is needed that keeps comments. A file that is not UTF-8 gets DVC's own error.
        if options or text is None:
            whole: tuple[Any, str] = load_whole(self, **options)
            return whole
        return load_entries(text, lambda: load_whole(self)[0]), text

    dvcfile.modify_yaml = modify_yaml
    dvcfile.Lockfile._load_yaml = load_by_entries


class RwlockFiles:
    """DVC's local file system, except that the rwlock is replaced by a rename, and is made anew if it is no JSON."""

    def __init__(self, fs: Any) -> None:
        self._fs = fs

    def __getattr__(self, name: str) -> Any:
        return getattr(self._fs, name)

    @contextmanager
    def open(self, path: str, mode: str = "r", **options: Any) -> Iterator[Any]:
        """Open the rwlock; the caller must hold the lock that DVC uses for this file.

        Raises:
            FileNotFoundError: the file does not exist, or is no JSON.
        """
        from io import StringIO

        if "w" in mode:
            stream = StringIO()
            yield stream
            replace_file(Path(path), stream.getvalue())
            return
        text, written = Path(path).read_text(encoding="utf-8", errors="replace"), Path(path).stat().st_mtime
        try:
            lock = json.loads(text)
            drop_ended_holders(lock, written)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            print(
                f"'{path}' cannot be read ({error}): a DVC command was killed while it wrote it. A new one is made.",
                file=sys.stderr,
            )
            raise FileNotFoundError(path) from error
        yield StringIO(json.dumps(lock))


def _patch_rwlock() -> None:
    rwlock: Any = import_module("dvc.rwlock")
    edit_rwlock = rwlock._edit_rwlock

    def edit_with_one_rename(lock_dir: str, fs: Any, hardlink: bool) -> AbstractContextManager[Any]:
        manager: AbstractContextManager[Any] = edit_rwlock(lock_dir, RwlockFiles(fs), hardlink)
        return manager

    rwlock._edit_rwlock = edit_with_one_rename


# The run-cache


def _patch_run_cache() -> None:
    cache: Any = import_module("dvc.stage.cache")
    dvc_exception = import_module("dvc.exceptions").DvcException
    load_entry = cache.StageCache._load_cache

    def load_whole_entry(self: Any, key: str, name: str) -> Any:
        path = Path(self._get_cache_path(key, name))
        try:
            entry = load_entry(self, key, name)
        except (dvc_exception, OSError) as error:
            print(
                f"'{path}' cannot be read ({error}): this entry of the run-cache is ignored", file=sys.stderr
            )
            return None
        # The name is the content's hash, so a truncated entry is detected even if it is valid YAML.
        return entry if entry and cache._get_cache_hash(entry) == name else None

    def load_newest(self: Any, stage: Any) -> Any:
        key = cache._get_stage_hash(stage)
        names = list_run_cache_entries(Path(self._get_cache_dir(key)))
        return next((entry for name in names if (entry := self._load_cache(key, name))), None)

    cache.StageCache._load_cache = load_whole_entry
    cache.StageCache._load = load_newest


# Outputs of another user


def _patch_modes() -> None:
    database: Any = import_module("dvc_data.hashfile.db.local").LocalHashFileDB
    make_writable = database._unprotect_file

    def make_writable_or_copy(self: Any, path: str, **options: Any) -> None:
        try:
            make_writable(self, path, **options)
        except PermissionError:
            if Path(path).stat().st_uid == os.getuid():
                raise
            unfinished = Path(path).with_name(f".{Path(path).name}{UNFINISHED}")
            shutil.copyfile(path, unfinished)
            unfinished.replace(path)

    database._unprotect_file = make_writable_or_copy


# Forked stages


def _patch_stage_command() -> None:
    run: Any = import_module("dvc.stage.run")
    run_command = run._run

    def run_or_fork(executable: str, command: str, **options: Any) -> None:
        began = time.monotonic()
        words = find_stage_module(command, options["env"]) if CAN_FORK else None
        try:
            if words is None:
                run_command(executable, command, **options)
            elif (code := _fork_module(words, options["env"], options["cwd"])) != 0:
                raise import_module("dvc.stage.exceptions").StageCmdFailedError(command, code)
        finally:
            _seconds["commands"] += time.monotonic() - began

    run._run = run_or_fork


def find_stage_module(command: str, environment: dict[str, str]) -> list[str] | None:
    """Return the module and arguments of a command `python -m stages.*` that uses this Python; None for any other.

    Args:
        command: the command in dvc.yaml.
        environment: the environment of the command, whose PATH decides which Python `python` is.
    """
    words = command.split(" ")
    if words[:2] != ["python", "-m"] or not words[2:] or not words[2].startswith("stages."):
        return None
    if not all(map(PLAIN_WORD.fullmatch, words)) or shlex.split(command) != words:
        return None
    python = shutil.which("python", path=environment.get("PATH"))
    if python is None or not Path(python).parent.samefile(Path(sys.executable).parent):
        return None
    torch: Any = sys.modules.get("torch")
    # A forked process cannot use CUDA if its parent has initialised it.
    return None if torch is not None and torch.cuda.is_initialized() else words[2:]


def _fork_module(words: list[str], environment: dict[str, str], folder: str) -> int:
    """Run a module as `python -m` does, in a fork of this process; return its exit code, or -N if signal N ended it."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid != 0:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    code = 1
    try:
        watch_lifeline()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        # A stage may start processes of its own, which multiprocessing forbids to a daemon such as the parent is.
        multiprocessing.current_process().daemon = False
        enter(folder, environment)
        code = run_module(*words)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)
