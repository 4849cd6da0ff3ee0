import os
import shutil
from pathlib import Path

import pytest
from dvc import dvcfile
from dvc.utils.serialize import _yaml

from pipeline.flow.lock_file import hasten, modify_yaml

ROOT = Path(__file__).parents[2]


def test_the_lock_file_is_written_to_the_same_bytes_as_by_dvc(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours/dvc.lock", tmp_path / "theirs/dvc.lock"
    for path, modify in ((ours, modify_yaml), (theirs, _yaml.modify_yaml)):
        path.parent.mkdir()
        shutil.copy(ROOT / "dvc.lock", path)
        with modify(os.fspath(path)) as content:
            content["stages"]["train@mine"] = {
                "cmd": "python" + " --and so on" * 30,
                "params": {
                    "params.yaml": {"rate": 1e-05, "none": None, "word": "yes", "text": "1e-05", "list": []}
                },
            }
    assert ours.read_bytes() == theirs.read_bytes()


def test_comments_of_other_files_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "dvc.yaml"
    path.write_text("a: 1  # why\n")
    with modify_yaml(os.fspath(path)) as content:
        content["a"] = 2
    assert path.read_text() == "a: 2  # why\n"


def test_dvc_asks_for_it_by_the_name_that_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dvcfile, "modify_yaml", _yaml.modify_yaml)
    hasten()
    assert dvcfile.modify_yaml is modify_yaml
    assert "modify_yaml" in dvcfile.Lockfile.dump_stages.__code__.co_names
