import shutil
from pathlib import Path

import pytest
import yaml

from pipeline.dvc.overrides import override_params
from pipeline.dvc.worker import WorkerPool
from pipeline.flow.request import change_params, choose_trials, list_slots
from stages.common.errors import InputError
from stages.common.params import ParamsError

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "presets/default.yaml", "params.yaml")
    return Path("params.yaml")


def test_overrides_follow_hydra_and_keep_comments(params: Path) -> None:
    override_params(["train.generator_steps=100", "seeds=[0,1]", "params.yaml:compute.device=cpu"])
    content = yaml.safe_load(params.read_text())
    assert content["train"]["generator_steps"] == 100
    assert content["seeds"] == [0, 1]
    assert content["compute"]["device"] == "cpu"
    assert "# The comparison:" in params.read_text()


@pytest.mark.parametrize(
    "override",
    [
        "train.generator_steps",
        "a b c = ]",
        "seeds=range(0,3)",
        "train.generator_steps=???",
        "seeds=" + "[" * 2000 + "]" * 2000,
        "report.title=\udce9",
    ],
)
def test_an_override_that_does_not_fit_changes_nothing(params: Path, override: str) -> None:
    before = params.read_bytes()
    with pytest.raises(ValueError, match="do not fit params.yaml") as caught:
        override_params(["seeds=[3]", override])
    assert params.read_bytes() == before
    assert len(str(caught.value)) < 400 and "\n" not in str(caught.value)


def test_an_override_that_is_too_long_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(ValueError, match=r"override seeds=.*\.\.\. has [0-9]+ characters; allowed are 4096"):
        override_params([f"seeds=[{','.join(map(str, range(20_000)))}]"])


@pytest.mark.parametrize("name", ["seeds", "train"])
def test_params_are_read_by_our_rules_before_dvc_reads_them(params: Path, name: str) -> None:
    bomb = "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60))
    params.write_text(f"a0: &a0 [x, x]\n{bomb}{name}: 1\n")
    with pytest.raises(ParamsError, match="anchors and aliases"):
        change_params(WorkerPool(is_preloaded=False), None, ["seeds=[1]"], None)
    with pytest.raises(ParamsError, match="anchors and aliases"):
        choose_trials(None)


def test_trials_are_chosen_by_name_and_pattern() -> None:
    assert len(choose_trials(None)) == 18
    assert [trial.name for trial in choose_trials(["sngan-*", "began-A-0"])] == [
        "began-A-0",
        "sngan-A-0",
        "sngan-B-0",
        "sngan-C-0",
    ]


@pytest.mark.parametrize(
    ("patterns", "message"), [(["dcgan-*"], "'dcgan-\\*' fits none"), ([], "trials is empty")]
)
def test_trials_that_there_are_not_are_refused(patterns: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        choose_trials(patterns)


def test_the_trials_that_there_are_are_told_in_a_short_message() -> None:
    override_params([f"seeds=[{','.join(map(str, range(500)))}]"])
    with pytest.raises(ValueError, match="fits none; there is began-A-0, .*...$") as caught:
        choose_trials(["x" * 10_000])
    assert len(str(caught.value)) < 600


def test_cores_are_shared_out_by_the_threads_of_a_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr("pipeline.flow.request.count_cores", lambda: 8)
    assert len(list_slots(None, 1)) == 8
    override_params(["compute.threads=3"])
    assert len(list_slots(None, 1)) == 2
    assert len(list_slots(5, 1)) == 5
    override_params(["compute.threads=2", "compute.processes=2"])
    assert len(list_slots(None, 1)) == 2


def test_each_gpu_is_a_slot_or_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,3")
    assert list_slots(None, 1) == [{"CUDA_VISIBLE_DEVICES": "0"}, {"CUDA_VISIBLE_DEVICES": "3"}]
    assert [slot["CUDA_VISIBLE_DEVICES"] for slot in list_slots(None, 2)] == ["0", "3", "0", "3"]
    override_params(["compute.device=cpu"])
    assert list_slots(1, 1) == [{}]


def test_a_training_of_several_processes_is_shown_a_gpu_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,0,GPU-5f,3,1")
    override_params(["compute.processes=2"])
    assert list_slots(None, 1) == [{"CUDA_VISIBLE_DEVICES": "4,0"}, {"CUDA_VISIBLE_DEVICES": "GPU-5f,3"}]
    assert [slot["CUDA_VISIBLE_DEVICES"] for slot in list_slots(3, 2)] == ["4,0", "GPU-5f,3", "4,0"]
    override_params(["compute.processes=8"])
    with pytest.raises(
        InputError, match=r"compute\.processes = 8: each process needs a GPU, and there are 5"
    ):
        list_slots(None, 1)
    # Those of a cluster's workers are not counted here.
    assert list_slots(None, 1, has_cluster=True) == []


@pytest.mark.parametrize("has_cluster", [False, True])
@pytest.mark.parametrize(("jobs", "trials_per_device"), [(0, 1), (None, 0)])
def test_no_slots_are_refused(jobs: int | None, trials_per_device: int, has_cluster: bool) -> None:
    with pytest.raises(ValueError, match="= 0 is too small; it is 1 or more"):
        list_slots(jobs, trials_per_device, has_cluster)
