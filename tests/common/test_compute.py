from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import yaml

from stages.common.compute import allow_tf32, configure_compute, derive_seed, describe_compute
from stages.common.params import ParamsError


@pytest.fixture
def threads_restored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def write(**compute: object) -> None:
    Path("params.yaml").write_text(yaml.safe_dump({"compute": compute}))


@pytest.mark.usefixtures("threads_restored")
def test_the_number_of_threads_is_set_and_recorded() -> None:
    write(device="cpu", threads=1, images="auto")
    device = configure_compute()
    assert describe_compute(device) == {"device": "cpu", "threads": 1, "torch": torch.__version__}


@pytest.mark.usefixtures("threads_restored")
@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_device_that_is_missing_is_refused_and_auto_is_the_cpu() -> None:
    write(device="auto", threads=1, images="auto")
    assert configure_compute() == torch.device("cpu")
    write(device="cuda", threads=1, images="auto")
    with pytest.raises(ValueError, match="compute.device = 'cuda': .* finds no such device here; use auto"):
        configure_compute()


@pytest.mark.usefixtures("threads_restored")
def test_zero_threads_are_refused() -> None:
    write(device="cpu", threads=0, images="auto")
    with pytest.raises(ParamsError, match="compute.threads = 0"):
        configure_compute()


@pytest.mark.usefixtures("threads_restored")
def test_float32_is_not_tf32_and_nothing_of_that_starts_cuda() -> None:
    write(device="cpu", threads=1, images="auto")
    for is_allowed in (True, False):
        allow_tf32(is_allowed)
        assert torch.backends.cuda.matmul.allow_tf32 == torch.backends.cudnn.allow_tf32 == is_allowed
    allow_tf32(True)
    configure_compute()
    assert not torch.backends.cuda.matmul.allow_tf32
    assert not torch.backends.cudnn.allow_tf32


def test_derived_seeds_differ_by_every_part_and_never_change() -> None:
    seeds = {
        derive_seed(*parts) for parts in [(0,), (1,), (0, "epoch", 3), (0, "epoch", 4), (0, "sample", 3)]
    }
    assert len(seeds) == 5
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert derive_seed(0, "epoch", 3) == 3_136_689_369_090_587_523
