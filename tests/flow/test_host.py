"""The flow's host has imported what its commands import."""

import json
import sys
from pathlib import Path

from tests.driving import call, copy_working_tree

SCRIPT = """
import importlib, json, sys
from pipeline.flow.host import IMPORTS, run_dvc
for names in IMPORTS.values():
    for name in names:
        importlib.import_module(name)
before = set(sys.modules)
assert run_dvc(["--wait-for-lock", "repro", "--single-item", "--force", "check"]) == 0
files = {name: getattr(sys.modules[name], "__file__", None) for name in set(sys.modules) - before}
print(json.dumps(sorted(name for name, file in files.items() if file and "site-packages" in file)))
"""


def test_dvc_has_nothing_left_to_import_when_it_runs_a_stage(tmp_path: Path) -> None:
    copy_working_tree(tmp_path)
    said = call(sys.executable, "-c", SCRIPT, folder=tmp_path)
    assert json.loads(said.splitlines()[-1]) == []
