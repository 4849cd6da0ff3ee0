"""Check a worker's environment against the versions that constraints.txt pins."""

import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from pipeline.cluster.node import find_differences
from tests.driving import ROOT, call


def test_this_environment_is_as_pinned() -> None:
    pins, needed = (ROOT / name for name in ("constraints.txt", "requirements.txt"))
    assert find_differences(pins.read_text(), needed.read_text()) == []


@pytest.mark.parametrize(
    ("pins", "needed", "differences"),
    [
        ("numpy==1.0\n", "", [f"numpy {version('numpy')} is installed, constraints.txt has ==1.0"]),
        ("NumPy==1.0 ; python_version < '3'\n", "", []),
        (f"numpy=={version('numpy')}\n", "numpy>=1\n", []),
        ("no-such-package==1.0\n", "", []),
        (
            "no-such-package==1.0\n",
            "# needed\nno_such.package\n",
            ["no-such-package is not installed, constraints.txt has ==1.0"],
        ),
    ],
)
def test_a_difference_is_named(pins: str, needed: str, differences: list[str]) -> None:
    assert find_differences(pins, needed) == differences


def test_many_differences_are_counted() -> None:
    pins = "".join(f"no-such-package-{number}==1\n" for number in range(9))
    needed = "".join(f"no-such-package-{number}\n" for number in range(9))
    assert len(find_differences(pins, needed)) == 6
    assert find_differences(pins, needed)[-1] == "and 4 more"


def test_a_worker_module_imports_nothing_of_the_project() -> None:
    text = (ROOT / "pipeline/cluster/node.py").read_text()
    assert "from pipeline" not in text and "from stages" not in text


def test_ctrl_c_is_left_as_it_was_by_the_import_for_batch_systems() -> None:
    pytest.importorskip("dask_jobqueue")
    code = (
        "import signal; from pipeline.cluster.slurm import import_jobqueue; before = signal.getsignal(2); "
        "import_jobqueue(); print(signal.getsignal(2) is before)"
    )
    assert call(sys.executable, "-c", code, folder=ROOT).strip() == "True"


def test_what_is_sent_to_a_worker_needs_nothing_of_the_project_there(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    code = (
        "import cloudpickle, pickle, sys; from pipeline.cluster import node; "
        "from pipeline.cluster.worker import ByValue; "
        "cloudpickle.register_pickle_by_value(node); "
        "open(sys.argv[1], 'wb').write(pickle.dumps([ByValue(node.prepare_node), ByValue(node.run_on_node)]))"
    )
    path = tmp_path / "sent"
    call(sys.executable, "-c", code, str(path), folder=ROOT)
    read = "import pickle, sys; print(len(pickle.load(open(sys.argv[1], 'rb'))), 'pipeline' in sys.modules)"
    assert call(sys.executable, "-c", read, str(path), folder=tmp_path).strip() == "2 False"
