"""Overrides of params.yaml: unknown keys are refused with the nearest one, and comments and order are kept."""

import shutil
from pathlib import Path

import pytest

from pipeline.dvc.overrides import override_params
from stages.common.errors import InputError
from tests.driving import ROOT


@pytest.fixture(autouse=True)
def default_params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder that has the default's params.yaml."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "presets/default.yaml", "params.yaml")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.generator_stpes=5", "is no key of params.yaml (did you mean train.generator_steps?)"),
        (
            "params.yaml:tran.batch_size=5",
            "tran.batch_size is no key of params.yaml (did you mean train.batch_size?)",
        ),
        ("TRAIN.generator_steps=5", "(did you mean train.generator_steps?)"),
        ("train/batch_size=5", "(did you mean train.batch_size?)"),
        ("width=5", "(did you mean networks.width or extractor.classifier.width?)"),
        ("train.generator_steps.x=5", "(did you mean train.generator_steps?)"),
        ("options.sngann.loss=hinge", "(did you mean options.sngan.loss?)"),
        ("seeds[0]=3", "(did you mean seeds.0?)"),
        ("other=5", "other is no key of params.yaml; `+` before it adds options of a GAN"),
        ("seeds=0,1", "a list is written [0,1]"),
        ("report.title=one, two", "a text with commas, brackets or colons 'in quotes'"),
        ("train.generator_steps", "missing EQUAL"),
        ("", "a list is written [0,1]"),
    ],
)
def test_an_override_that_cannot_be_meant_is_named_in_one_line(override: str, message: str) -> None:
    before = Path("params.yaml").read_bytes()
    with pytest.raises(InputError) as caught:
        override_params(["train.batch_size=8", override])
    assert message in str(caught.value)
    assert "To append" not in str(caught.value) and "hydra.cc" not in str(caught.value)
    assert "\n" not in str(caught.value) and Path("params.yaml").read_bytes() == before


@pytest.mark.parametrize(
    ("override", "old", "new"),
    [
        ("train.generator_steps=5", "  generator_steps: 800", "  generator_steps: 5"),
        ("params.yaml:networks.width=16", "  width: 8", "  width: 16"),
        ("seeds.0=3", "- 0", "- 3"),
        ("settings.A.beta1=0.25", "    beta1: 0.5", "    beta1: 0.25"),
    ],
)
def test_an_override_changes_its_line_alone(override: str, old: str, new: str) -> None:
    before = Path("params.yaml").read_text().splitlines()
    override_params([override])
    after = Path("params.yaml").read_text().splitlines()
    changed = [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]]
    assert len(changed) == 1
    assert changed[0][0].startswith(old) and changed[0][1].startswith(new)


def test_a_plus_adds_options_of_a_gan() -> None:
    override_params(["+options.mine.loss=hinge"])
    assert "  mine:\n    loss: hinge\n" in Path("params.yaml").read_text()
