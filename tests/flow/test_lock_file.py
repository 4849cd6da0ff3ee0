import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dvc import dvcfile, lock
from dvc.utils import strictyaml
from dvc.utils.serialize import _yaml

from pipeline.flow import lock_file
from pipeline.flow.lock_file import hasten, learn, look_often, modify_yaml, parse_yaml

ROOT = Path(__file__).parents[2]


Change = Callable[[dict[str, Any]], object]
STAGE = {
    "cmd": "python" + " --and so on" * 30,
    "params": {
        "params.yaml": {
            "rate": 1e-05,
            "none": None,
            "word": "yes",
            "text": "1e-05",
            "list": [],
            "rows": "a\n  b\n",
        }
    },
}


def change_type(content: dict[str, Any]) -> None:
    """Put a number of another type, but of the same value."""
    params = content["stages"]["train@sngan-A-0"]["params"]["params.yaml"]
    params["networks"]["width"] = float(params["networks"]["width"])


CHANGES: dict[str, Change] = {
    "nothing": lambda content: None,
    "a stage more": lambda content: content["stages"].update({"train@mine": STAGE}),
    "a stage changed": lambda content: content["stages"].update({"report": STAGE}),
    "a type changed": change_type,
    "a stage less": lambda content: content["stages"].pop("prepare"),
    "no stage": lambda content: content["stages"].clear(),
    "a data set": lambda content: content.update({"datasets": [{"name": "mnist"}]}),
}


@pytest.mark.parametrize("what", CHANGES)
def test_the_lock_file_is_written_to_the_same_bytes_as_by_dvc(what: str, tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours/dvc.lock", tmp_path / "theirs/dvc.lock"
    for path, modify in ((ours, modify_yaml), (theirs, _yaml.modify_yaml)):
        path.parent.mkdir()
        shutil.copy(ROOT / "dvc.lock", path)
        for change in (CHANGES["a stage more"], CHANGES[what]):
            with modify(os.fspath(path)) as content:
                change(content)
    assert ours.read_bytes() == theirs.read_bytes()


def test_the_first_stage_is_written_as_by_dvc(tmp_path: Path) -> None:
    for folder, modify in (("ours", modify_yaml), ("theirs", _yaml.modify_yaml)):
        (tmp_path / folder).mkdir()
        with modify(os.fspath(tmp_path / folder / "dvc.lock")) as content:
            content.update({"schema": "2.0", "stages": {"prepare": STAGE}})
    assert (tmp_path / "ours/dvc.lock").read_bytes() == (tmp_path / "theirs/dvc.lock").read_bytes()


def test_comments_of_other_files_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "dvc.yaml"
    path.write_text("a: 1  # why\n")
    with modify_yaml(os.fspath(path)) as content:
        content["a"] = 2
    assert path.read_text() == "a: 2  # why\n"


def test_dvc_asks_for_it_by_the_name_that_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dvcfile, "modify_yaml", _yaml.modify_yaml)
    monkeypatch.setattr(strictyaml, "parse_yaml", _yaml.parse_yaml)
    hasten()
    assert dvcfile.modify_yaml is modify_yaml
    assert strictyaml.parse_yaml is parse_yaml
    assert "parse_yaml" in strictyaml.load.__code__.co_names
    assert "modify_yaml" in dvcfile.Lockfile.dump_stages.__code__.co_names


def test_a_lock_that_is_let_go_is_taken_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "DEFAULT_TIMEOUT", lock.DEFAULT_TIMEOUT)
    look_often()
    held, wanted = (lock.Lock(os.fspath(tmp_path / "lock"), wait=True) for _ in range(2))
    held.lock()
    release = threading.Timer(0.1, held.unlock)
    release.start()
    begun = time.monotonic()
    wanted.lock()
    assert time.monotonic() - begun < 0.4
    wanted.unlock()
    release.join()


def test_a_lock_file_is_read_as_by_dvc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_file, "_known", {})
    text = (ROOT / "dvc.lock").read_text()
    shared = text + "  one:\n    deps: &a\n    - path: x\n  two:\n    deps: *a\n"
    for each in ("", "schema: '2.0'\n", "schema: '2.0'\nstages:\n", text, text.replace("2.0", "3.0"), shared):
        for _ in range(2):
            assert repr(parse_yaml(each, "dvc.lock")) == repr(_yaml.parse_yaml(each, "dvc.lock"))


def test_what_is_known_of_entries_is_not_changed_with_what_dvc_is_given() -> None:
    text = (ROOT / "dvc.lock").read_text()
    parse_yaml(text, "dvc.lock")["stages"]["report"]["deps"].clear()
    assert parse_yaml(text, "dvc.lock")["stages"]["report"]["deps"]


def test_entries_are_learnt_ahead_and_one_that_is_being_written_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock_file, "_known", {})
    text, path = (ROOT / "dvc.lock").read_text(), tmp_path / "dvc.lock"
    learn(path)
    for length in (0, 3, len(text) // 2, len(text) - 7, len(text)):
        path.write_text(text[:length])
        learn(path)
    monkeypatch.setattr(lock_file._yaml(), "parse_yaml", lambda *_: pytest.fail("parsed again"))
    assert len(parse_yaml(text, "dvc.lock")["stages"]) > 10
