"""The section `prepare`: the values that it accepts, those that it refuses, and its error messages."""

import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest

from stages.common.params import ParamsError, load_section
from stages.networks.params import count_halvings
from stages.prepare.params import DATASETS, IMAGE_SIZES, LARGEST_IMAGE_SIZE, PrepareParams

ROOT = Path(__file__).parents[2]
GOOD: dict[str, Any] = {
    "dataset": "fashion_mnist",
    "path": None,
    "image_size": 28,
    "train_limit": None,
    "test_limit": None,
}


def refuse(**changes: Any) -> list[str]:
    with pytest.raises(ParamsError) as caught:
        load_section(PrepareParams, "prepare", content={"prepare": GOOD | changes})
    return caught.value.faults


@pytest.mark.parametrize("size", [8, 28, 32, 48, 64, 96, 128, 256, 512])
def test_the_usual_image_sizes_are_accepted(size: int) -> None:
    params = load_section(PrepareParams, "prepare", content={"prepare": GOOD | {"image_size": size}})
    assert params.image_size == size


def test_the_allowed_sizes_are_those_that_the_networks_can_generate() -> None:
    possible = []
    for size in range(1, LARGEST_IMAGE_SIZE + 1):
        try:
            count_halvings(size)
        except ValueError:
            continue
        possible.append(size)
    assert possible == IMAGE_SIZES


@pytest.mark.parametrize(
    ("size", "nearest"), [(30, "28 and 32"), (100, "96 and 112"), (7, "8"), (-28, "8"), (1024, "512")]
)
def test_another_size_is_refused_with_the_nearest_that_are_allowed(size: int, nearest: str) -> None:
    (fault,) = refuse(image_size=size)
    assert fault.startswith(f"prepare.image_size: {size} pixels")
    assert fault.endswith(f"nearest: {nearest}")


def test_an_image_folder_needs_a_path() -> None:
    assert refuse(dataset="image_folder") == [
        "prepare: path is null, but image_folder needs one: a folder or zip of class folders"
    ]


def test_digits_has_no_path() -> None:
    assert refuse(dataset="digits", path="somewhere") == [
        "prepare: path = 'somewhere', but digits comes with scikit-learn; set path to null"
    ]


def test_all_faults_are_reported_at_once() -> None:
    faults = refuse(dataset="cifar100", path=5, train_limit=0, test_limit="10", extra=1)
    keys = ("prepare.dataset", "prepare.path", "prepare.train_limit", "prepare.test_limit", "prepare.extra")
    assert [fault.split(" ")[0] for fault in faults] == list(keys)


def test_a_home_folder_is_expanded() -> None:
    params = PrepareParams.model_validate(GOOD | {"path": "~/images"})
    assert params.local_path() == Path.home() / "images"


def test_every_data_set_that_can_be_named_is_described() -> None:
    assert set(get_args(PrepareParams.model_fields["dataset"].annotation)) == set(DATASETS)


def test_reading_the_params_imports_nothing_heavy() -> None:
    heavy = "{'torch', 'torchvision', 'sklearn', 'PIL', 'numpy'}"
    program = f"import sys, stages.prepare.params; sys.exit(', '.join({heavy} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stderr.strip() == ""
