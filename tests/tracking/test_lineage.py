"""A trial's key changes exactly when its inputs or outputs change."""

import copy
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline.dvc import lock_file
from pipeline.tracking.lineage import Lock, read_entries_of, read_lock, trace_trial
from pipeline.tracking.results import flatten_params
from stages.common.artifacts import Trial

TRIAL = Trial("sngan", "A", 0)


def make_entry(out: str, **params: Any) -> dict[str, Any]:
    return {
        "cmd": f"make {out}",
        "deps": [{"path": "stages/common", "md5": "c"}],
        "params": {"params.yaml": params},
        "outs": [{"path": out, "md5": f"md5 of {out}"}],
    }


@pytest.fixture
def lock() -> Lock:
    train = make_entry(
        "models/sngan-A-0", **{"settings.A": {"beta1": 0.5}, "options.sngan": {"loss": "hinge"}}
    )
    train["outs"] += [{"path": f"results/train/sngan-A-0/metrics.json{end}", "md5": "t"} for end in ("", "l")]
    shared = {
        stage: make_entry(stage, **{stage: {"n": 1}})
        for stage in ("source", "prepare", "extractor", "reference")
    }
    return shared | {
        "train@sngan-A-0": train,
        "lipschitz@sngan-A-0": make_entry("results/lipschitz/sngan-A-0/metrics.jsonl"),
        "sample@sngan-A-0": make_entry("samples/sngan-A-0", sample={"sample_count": 9}),
        "evaluate@sngan-A-0": make_entry("results/evaluate/sngan-A-0/points.json"),
    }


def find_key(lock: Lock) -> str:
    lineage = trace_trial(TRIAL, lock)
    assert lineage is not None
    return lineage.key


@pytest.mark.parametrize(
    ("edit", "is_other"),
    [
        (lambda lock: lock["train@sngan-A-0"]["outs"][1].update(md5="other"), True),
        (lambda lock: lock["train@sngan-A-0"]["outs"][2].update(md5="other"), True),
        (lambda lock: lock["train@sngan-A-0"]["outs"][0].update(md5="other"), True),
        (lambda lock: lock["train@sngan-A-0"]["deps"][0].update(md5="other"), True),
        (
            lambda lock: lock["train@sngan-A-0"]["params"]["params.yaml"].update(
                {"settings.A": {"beta1": 0.4}}
            ),
            True,
        ),
        (lambda lock: lock["evaluate@sngan-A-0"]["outs"][0].update(md5="other"), True),
        (lambda lock: lock.update({"train@sngan-B-0": {}}), False),
    ],
)
def test_the_key_is_of_content_and_lineage(
    lock: Lock, edit: Callable[[Lock], object], is_other: bool
) -> None:
    changed = copy.deepcopy(lock)
    edit(changed)
    assert (find_key(changed) != find_key(lock)) == is_other


@pytest.mark.parametrize(
    "stage", ["train@sngan-A-0", "lipschitz@sngan-A-0", "evaluate@sngan-A-0", "reference"]
)
def test_a_trial_without_one_of_its_stages_is_not_finished(lock: Lock, stage: str) -> None:
    del lock[stage]
    assert trace_trial(TRIAL, lock) is None


def test_params_are_flat_and_do_not_name_the_gan_or_the_setting(lock: Lock) -> None:
    lineage = trace_trial(TRIAL, lock)
    assert lineage is not None
    assert flatten_params(TRIAL, lineage.params) == {
        "gan": "sngan",
        "setting": "A",
        "seed": "0",
        "adam.beta1": "0.5",
        "options.loss": "hinge",
        "sample.sample_count": "9",
        "source.n": "1",
        "prepare.n": "1",
        "extractor.n": "1",
        "reference.n": "1",
    }


def test_values_are_written_as_in_yaml(lock: Lock) -> None:
    sections = {"prepare": {"path": None, "limit": True, "rate": 0.0002, "name": "text", "sizes": [1, 2]}}
    assert flatten_params(TRIAL, sections) == {
        "gan": "sngan",
        "setting": "A",
        "seed": "0",
        "prepare.path": "null",
        "prepare.limit": "true",
        "prepare.rate": "0.0002",
        "prepare.name": "text",
        "prepare.sizes": "[1, 2]",
    }


def test_a_trial_scored_before_its_last_training_is_not_finished(lock: Lock) -> None:
    lock["sample@sngan-A-0"]["deps"] += [{"path": "models/sngan-A-0", "md5": "md5 of models/sngan-A-0"}]
    assert trace_trial(TRIAL, lock) is not None
    lock["train@sngan-A-0"]["outs"][0].update(md5="of a training since")
    assert trace_trial(TRIAL, lock) is None


@pytest.mark.parametrize("text", ["", "schema: '2.0'\nstages:\n  train@a: {cmd: python"])
@pytest.mark.parametrize("read", [read_lock, lambda: read_entries_of(["a"])])
def test_a_lock_file_that_dvc_is_writing_is_refused_as_a_follower_expects(
    text: str, read: Callable[[], Lock], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("dvc.lock").write_text(text)
    with pytest.raises(ValueError, match="is empty or broken"):
        read()


def test_the_entries_of_some_trials_are_those_of_the_whole_file(
    lock: Lock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_entries_of(["sngan-A-0"]) == {}
    others = {name.replace("A-0", "A-1"): copy.deepcopy(entry) for name, entry in lock.items()}
    others["report"] = {}
    text = lock_file.format_lock_file({"schema": "2.0", "stages": others | lock})
    # Nobody parses what nobody asks for.
    Path("dvc.lock").write_text(text.replace("  report: {}\n", '  report:\n    cmd: "\n'))
    assert read_entries_of(["sngan-A-0"]) == lock
    found = read_entries_of(["sngan-A-1", "sngan-A-10"])
    assert found == {name: others.get(name, lock.get(name)) for name in found} and len(found) == len(lock)


@pytest.mark.parametrize(
    "value",
    [
        "NO",
        "yes",
        "13:20",
        "0100",
        "1_000",
        "0o17",
        "1e3",
        "2001-01-01",
        "",
        "null",
        1e-05,
        1.5e300,
        0.0001,
        10**20,
        None,
    ],
)
def test_a_param_is_read_as_it_was_written_by_dvc(tmp_path: Path, value: object) -> None:
    path = tmp_path / "dvc.lock"
    content = {
        "schema": "2.0",
        "stages": {"report": {"params": {"params.yaml": {"report": {"title": value}}}}},
    }
    for text in (dump_as_dvc(content), lock_file.format_lock_file(content)):
        path.write_text(text)
        assert read_lock(path) == content["stages"]


def dump_as_dvc(content: object) -> str:
    """Write YAML as dvc.utils.serialize does."""
    stream = StringIO()
    YAML().dump(content, stream)
    return stream.getvalue()
