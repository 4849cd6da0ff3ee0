"""Tests of how computing is configured: threads, device, float32 precision, and derived seeds."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

from stages.common.compute import allow_tf32, configure_compute, derive_seed, describe_compute
from stages.common.params import ParamsError
from tests.driving import ROOT, make_environment

PRODUCTS = """
import hashlib
import numpy as np
from stages.common.compute import ComputeParams, configure_compute
configure_compute(ComputeParams(device="cpu", threads=1, images="auto"))
import scipy.linalg
from stages.scores.kid import compute_kid
draw = np.random.default_rng(0)
features = draw.normal(size=(2, 700, 64))
matrix = features[0].T @ features[0]
for value in (features[0] @ features[0].T, scipy.linalg.eigh(matrix)[1], compute_kid(*features, 5, 300, 0)):
    print(hashlib.sha256(np.asarray(value).tobytes()).hexdigest())
"""


def write_compute_params(**compute: object) -> None:
    Path("params.yaml").write_text(yaml.safe_dump({"compute": compute}))


@pytest.mark.usefixtures("own_folder_and_threads")
def test_the_number_of_threads_is_set_and_recorded() -> None:
    write_compute_params(device="cpu", threads=1, images="auto")
    device = configure_compute()
    assert describe_compute(device) == {"device": "cpu", "threads": 1, "torch": torch.__version__}


@pytest.mark.parametrize("variable", ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"])
def test_numbers_of_numpy_and_scipy_do_not_depend_on_how_many_cores_there_are(variable: str) -> None:
    found = []
    for threads in ("1", "2"):
        environment = make_environment(**{variable: threads})
        command = [sys.executable, "-c", PRODUCTS]
        found.append(
            subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True).stdout
        )
    assert found[0] == found[1]


@pytest.mark.usefixtures("own_folder_and_threads")
@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_missing_device_raises_and_auto_falls_back_to_the_cpu() -> None:
    write_compute_params(device="auto", threads=1, images="auto")
    assert configure_compute() == torch.device("cpu")
    write_compute_params(device="cuda", threads=1, images="auto")
    with pytest.raises(ValueError, match="compute.device = 'cuda': .* finds no such device here; use auto"):
        configure_compute()


@pytest.mark.usefixtures("own_folder_and_threads")
def test_zero_threads_raise_an_error() -> None:
    write_compute_params(device="cpu", threads=0, images="auto")
    with pytest.raises(ParamsError, match="compute.threads = 0"):
        configure_compute()


@pytest.mark.usefixtures("own_folder_and_threads")
def test_tf32_is_allowed_only_by_name() -> None:
    for is_allowed in (True, False):
        allow_tf32(is_allowed)
        assert torch.backends.cuda.matmul.allow_tf32 == torch.backends.cudnn.allow_tf32 == is_allowed
    write_compute_params(device="cpu", threads=1, images="auto")
    allow_tf32(True)
    configure_compute()
    assert not torch.backends.cuda.matmul.allow_tf32
    assert not torch.backends.cudnn.allow_tf32


def test_a_derived_seed_depends_on_every_argument_and_equals_a_recorded_value() -> None:
    seeds = {
        derive_seed(*parts) for parts in [(0,), (1,), (0, "epoch", 3), (0, "epoch", 4), (0, "sample", 3)]
    }
    assert len(seeds) == 5
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert derive_seed(0, "epoch", 3) == 3_136_689_369_090_587_523
