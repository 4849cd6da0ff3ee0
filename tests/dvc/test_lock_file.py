"""With the patches of DVC, dvc.lock is read and written byte for byte as by DVC itself, only faster."""

import os
import re
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc import dvcfile, lock
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.stage import run
from dvc.utils.serialize import EncodingError, _yaml

from pipeline.dvc import lock_file, patches
from pipeline.dvc.patches import apply_patches, modify_yaml

ROOT = Path(__file__).parents[2]


def read_some_stages() -> str:
    """Read the committed dvc.lock, but of the trials only one, because DVC's own parser takes a second for them all."""
    head, *entries = re.split(r"^(?=  [a-z])", (ROOT / "dvc.lock").read_text(), flags=re.MULTILINE)
    names = [entry.partition(":")[0] for entry in entries]
    kept = [
        entry
        for name, entry in zip(names, entries, strict=True)
        if name.endswith("@sngan-A-0") or "@" not in name
    ]
    return head + "".join(kept)


SOME_STAGES = read_some_stages()
Change = Callable[[dict[str, Any]], object]
STAGE = {
    "cmd": "python -m stages.mine",
    "params": {
        "params.yaml": {
            "rate": 1e-05,
            "none": None,
            "word": "yes",
            "text": "1e-05",
            "digest": "12345678901234567890123456789e12",
            "list": [],
            "mapping": {},
        }
    },
}
UNUSUAL = ["a\n  b\n", "é ✓", "\U0001f600", "'", '"', "", " a ", "# a", "a: b", [None], "-", "a\tb", "\\"]


def change_type(content: dict[str, Any]) -> None:
    """Replace a number by one of another type but equal value."""
    params = content["stages"]["train@sngan-A-0"]["params"]["params.yaml"]
    params["networks"]["width"] = float(params["networks"]["width"])


CHANGES: dict[str, Change] = {
    "a long command": lambda content: content["stages"].update(long={"cmd": "python" + " --and so on" * 30}),
    "nothing": lambda content: None,
    "a stage more": lambda content: content["stages"].update({"train@mine": STAGE}),
    "a list of unusual strings": lambda content: content["stages"].update(unusual={"params": {"a": UNUSUAL}}),
    "a stage changed": lambda content: content["stages"].update({"report": STAGE}),
    "a type changed": change_type,
    "a stage less": lambda content: content["stages"].pop("prepare"),
    "no stage": lambda content: content["stages"].clear(),
    "a data set": lambda content: content.update({"datasets": [{"name": "mnist"}]}),
}


@pytest.fixture
def in_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with the files that DVC creates in every repository."""
    (tmp_path / ".dvc/tmp").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def patched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Apply the patches to the DVC of this process until the test ends."""
    from dvc import rwlock
    from dvc.stage.cache import StageCache

    for module, name in (
        (lock, "DEFAULT_TIMEOUT"),
        (dvcfile, "modify_yaml"),
        (dvcfile.Lockfile, "_load_yaml"),
        (rwlock, "_edit_rwlock"),
        (run, "_run"),
        (StageCache, "_load"),
        (StageCache, "_load_cache"),
    ):
        monkeypatch.setattr(module, name, getattr(module, name))
    apply_patches()


@pytest.mark.parametrize("value", UNUSUAL, ids=repr)
def test_an_unusual_value_is_written_as_by_dvc(value: Any) -> None:
    content = {"schema": "2.0", "stages": {"mine": {"params": {"params.yaml": {"key": value}}}}}
    assert lock_file.format_lock_file(content) == _yaml.dumps_yaml(content)


def test_the_whole_lock_file_of_the_repository_is_written_to_the_same_bytes() -> None:
    text = (ROOT / "dvc.lock").read_text()
    assert lock_file.format_lock_file(lock_file.load_entries(text)) == text
    content = _yaml.parse_yaml(text, "dvc.lock")
    assert lock_file.format_lock_file(content) == text


@pytest.mark.parametrize("what", CHANGES)
def test_the_lock_file_is_written_to_the_same_bytes_as_by_dvc(what: str, in_repository: Path) -> None:
    ours, theirs = in_repository / "ours/dvc.lock", in_repository / "theirs/dvc.lock"
    for path, modify in ((ours, modify_yaml), (theirs, _yaml.modify_yaml)):
        path.parent.mkdir()
        path.write_text(SOME_STAGES)
        for change in (CHANGES["a stage more"], CHANGES[what]):
            with modify(os.fspath(path)) as content:
                change(content)
    assert ours.read_bytes() == theirs.read_bytes()


def write_in_other_forms() -> dict[str, str]:
    """Write a dvc.lock as no DVC does, but as YAML may be."""
    text = SOME_STAGES
    head, first = lock_file.HEAD, text.removeprefix(lock_file.HEAD).partition("\n  prepare:\n")[0]
    return {
        "a comment between entries": text.replace("\n  prepare:\n", "\n  # why\n  prepare:\n"),
        "an anchor in another entry": text.replace(
            "\n  prepare:\n    cmd: ", "\n  prepare:\n    cmd: &command "
        )
        + "  mine:\n    cmd: *command\n",
        "an empty line": text.replace("\n  prepare:\n", "\n\n  prepare:\n"),
        "a name in quotes": text.replace("\n  prepare:\n", "\n  'prepare':\n"),
        "a name that is a number": f"{text}  12:\n    cmd: echo\n",
        "a name that is true": f"{text}  true:\n    cmd: echo\n",
        "a line end of YAML": f'{head}  mine:\n    cmd: "a\\\x85b"\n    deps: []\n',
        "braces": f"{head}{first}\n  mine: {{cmd: echo}}\n",
        "data sets": f"{text}datasets: []\n",
        "no end of the last line": text.rstrip("\n"),
        "a list that looks like an entry": f"{head}  mine:\n    deps: [\n  b:\n    c, d]\n",
        "text that looks like an entry": f'{head}  mine:\n    cmd: "a\n  b:\n    c"\n',
        "wider": yaml.safe_dump(_yaml.parse_yaml(text, "dvc.lock"), sort_keys=False, indent=4),
    }


@pytest.mark.parametrize("form", write_in_other_forms())
def test_a_lock_file_of_another_form_is_read_as_by_dvc(form: str) -> None:
    text = write_in_other_forms()[form]
    theirs = _yaml.parse_yaml(text, "dvc.lock")
    ours = lock_file.load_entries(text)
    for stage, entry in theirs["stages"].items():
        assert ours["stages"][stage] == entry
    assert list(ours["stages"]) == list(theirs["stages"])


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace("\n  prepare:\n", "\n<<<<<<< HEAD\n  prepare:\n"),
        lambda text: text.replace("\n  prepare:\n    cmd: ", '\n  prepare:\n    cmd: "'),
        lambda text: text.replace("\n  prepare:\n    cmd: ", "\n  prepare:\n    command: "),
        lambda text: f"{text}  prepare:\n    cmd: twice\n",
        lambda text: text.partition("\n  prepare:\n")[0] + "\n  prepare:\n    cmd: python\n    de\n",
        lambda text: text.replace("\n  prepare:\n", "\n  prepare:\n    cmd: \x00\n"),
        lambda text: text.replace("schema: '2.0'", "schema: '3.0'"),
    ],
)
@pytest.mark.usefixtures("patched")
def test_a_damaged_entry_is_refused_as_by_dvc(damage: Callable[[str], str], in_repository: Path) -> None:
    text = damage(SOME_STAGES)
    refused = []
    for load in (dvcfile.Lockfile._load_yaml, dvcfile.FileMixin._load_yaml):
        with pytest.raises(DvcException) as error:
            load(write_lock_file(in_repository, text.encode()))[0]["stages"]["prepare"]
        refused.append((type(error.value), str(error.value)))
    assert refused[0] == refused[1]


@pytest.mark.usefixtures("patched")
def test_what_is_no_text_is_refused_as_by_dvc(in_repository: Path) -> None:
    file = write_lock_file(in_repository, (ROOT / "dvc.lock").read_bytes() + b"  mine:\n    cmd: \xff\n")
    with pytest.raises(EncodingError, match="dvc.lock"):
        file.load()


def write_lock_file(folder: Path, content: bytes) -> Any:
    """Write a dvc.lock into a repository of DVC, and return it as DVC has it."""
    (folder / ".dvc/config").write_text("[core]\n    no_scm = true\n")
    (folder / "dvc.lock").write_bytes(content)
    return dvcfile.Lockfile(Repo(os.fspath(folder)), os.fspath(folder / "dvc.lock"))


def test_only_the_entries_that_are_asked_for_are_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "dvc.lock").read_text()
    parsed: list[str] = []
    parse = lock_file.parse

    def record(part: str) -> Any:
        parsed.append(part)
        return parse(part)

    monkeypatch.setattr(lock_file, "parse", record)
    content = lock_file.load_entries(text)
    stages = content["stages"]
    assert "train@sngan-A-0" in stages and len(stages) == len(_yaml.parse_yaml(text, "dvc.lock")["stages"])
    stages["report"], stages.get("prepare"), stages.get("no such stage")
    stages["mine"] = STAGE
    stages.update(report=STAGE)
    lock_file.format_lock_file(content)
    assert len(parsed) == 2


def test_the_first_stage_is_written_as_by_dvc(in_repository: Path) -> None:
    for folder, modify in (("ours", modify_yaml), ("theirs", _yaml.modify_yaml)):
        (in_repository / folder).mkdir()
        with modify(os.fspath(in_repository / folder / "dvc.lock")) as content:
            content.update({"schema": "2.0", "stages": {"prepare": STAGE}})
    assert (in_repository / "ours/dvc.lock").read_bytes() == (in_repository / "theirs/dvc.lock").read_bytes()


def test_comments_of_other_files_are_kept(in_repository: Path) -> None:
    path = in_repository / "dvc.yaml"
    path.write_text("a: 1  # why\n")
    with modify_yaml(os.fspath(path)) as content:
        content["a"] = 2
    assert path.read_text() == "a: 2  # why\n"


@pytest.mark.usefixtures("patched")
def test_dvc_calls_the_functions_that_are_replaced() -> None:
    assert dvcfile.modify_yaml is modify_yaml
    assert "modify_yaml" in dvcfile.Lockfile.dump_stages.__code__.co_names
    assert "_run" in run.cmd_run.__code__.co_names
    assert run._run.__module__ == patches.__name__


def test_another_version_of_dvc_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patches, "VERSION", "3.0.0")
    before = run._run
    apply_patches()
    assert run._run is before
    assert "runs without patches, because they are for 3.0.0" in patches.describe_other_version()


@pytest.mark.usefixtures("patched")
def test_a_lock_that_is_released_is_acquired_at_once(tmp_path: Path) -> None:
    held, wanted = (lock.Lock(os.fspath(tmp_path / "lock"), wait=True) for _ in range(2))
    held.lock()
    release = threading.Timer(0.1, held.unlock)
    release.start()
    begun = time.monotonic()
    wanted.lock()
    assert time.monotonic() - begun < 0.4
    wanted.unlock()
    release.join()


@pytest.mark.parametrize(
    "command",
    [
        "dvc repro",
        "python stages/train.py",
        "python -m pipeline.tracking sync",
        "python -m stages.train > log.txt",
        "python -m stages.train --gan 'a b'",
        "python -m stages.train --gan $GAN",
        "python -m stages.train; true",
        "/usr/bin/python3 -m stages.train",
        "python -m",
    ],
)
def test_any_command_but_that_of_a_stage_is_left_to_dvc(command: str) -> None:
    assert patches.find_stage_module(command, dict(os.environ)) is None


def test_a_stage_is_forked_where_python_is_this_very_one(monkeypatch: pytest.MonkeyPatch) -> None:
    here = {"PATH": str(Path(sys.executable).parent)}
    command = "python -m stages.train --gan sngan --setting A --seed 0"
    assert patches.find_stage_module(command, here) == command.split(" ")[2:]
    assert patches.find_stage_module(command, {"PATH": "/usr/bin:/bin"}) is None


def test_nothing_is_forked_off_a_process_that_has_used_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    here = {"PATH": str(Path(sys.executable).parent)}
    assert patches.find_stage_module("python -m stages.check", here) is not None
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    assert patches.find_stage_module("python -m stages.check", here) is None
