"""Whether a worker's environment is the one that constraints.txt pins."""

from importlib.metadata import version

import pytest

from pipeline.cluster.node import find_differences
from tests.driving import ROOT


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
