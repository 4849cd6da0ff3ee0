"""When DVC writes dvc.yaml and params.yaml, it changes only the edited lines and no formatting."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from dvc.repo import Repo
from dvc.utils.serialize._yaml import dumps_yaml, parse_yaml_for_update

from pipeline.dvc.overrides import override_params
from pipeline.preset import compose_preset, list_presets, list_protocols

ROOT = Path(__file__).parents[2]
PRESETS = ROOT / "presets"
PLAIN_STAGES = ("check", "source", "prepare", "reference", "neighbours", "summary", "report", "track")


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run the test in a folder with copies of both files."""
    monkeypatch.chdir(tmp_path)
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / name, name)
    return tmp_path


@pytest.fixture
def repo(files: Path) -> Iterator[Repo]:
    with Repo.init(no_scm=True) as repo:
        yield repo


def list_changed_lines(before: str, after: str) -> list[str]:
    old = before.splitlines()
    return [line for line in after.splitlines() if line not in old]


def write_as_dvc(text: str) -> str:
    written: str = dumps_yaml(parse_yaml_for_update(text, "file"))
    return written


@pytest.mark.parametrize("protocol", [None, *list_protocols(PRESETS)])
@pytest.mark.parametrize("preset", list_presets(PRESETS))
def test_dvc_writes_every_preset_as_it_is(preset: str, protocol: str | None) -> None:
    text = compose_preset(preset, PRESETS, protocol)
    assert write_as_dvc(text) == text
    assert not [line for line in text.splitlines() if line != line.rstrip()]


def test_dvc_writes_dvc_yaml_as_it_is() -> None:
    text = (ROOT / "dvc.yaml").read_text(encoding="utf-8")
    assert write_as_dvc(text) == text


@pytest.mark.parametrize("stage", PLAIN_STAGES)
def test_a_stage_is_frozen_by_one_line_and_thawed_without_a_trace(repo: Repo, stage: str) -> None:
    path = Path("dvc.yaml")
    before = path.read_text(encoding="utf-8")
    repo.freeze(stage)
    assert list_changed_lines(before, path.read_text(encoding="utf-8")) == ["    frozen: true"]
    repo.unfreeze(stage)
    assert path.read_text(encoding="utf-8") == before


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("train.generator_steps=400", "  generator_steps: 400\n"),
        ("seeds=[5]", "seeds:\n- 5\n"),
        ("settings.C.beta1=0.4", "    beta1: 0.4\n"),
        ("extractor.name=features", "  name: features            # classifier (trained"),
        ("reference.count=123", "  count: 123                # number of these images"),
        ("options.vanilla.loss=hinge", "  vanilla: {discriminator_steps: null, loss: hinge}\n"),
        ("report.title='Six: a comparison'", "  title: 'Six: a comparison'\n"),
    ],
)
@pytest.mark.parametrize("preset", ["default", "smoke", "headline", "miyato"])
@pytest.mark.usefixtures("files")
def test_an_override_changes_its_value_alone(preset: str, override: str, line: str) -> None:
    before = compose_preset(preset, PRESETS)
    path = Path("params.yaml")
    path.write_text(before, encoding="utf-8")
    override_params([override])
    after = path.read_text(encoding="utf-8")
    assert line in after
    old, new = (write_with_one_seed(text).splitlines() for text in (before, after))
    assert len(old) == len(new)
    assert sum(one != other for one, other in zip(old, new, strict=True)) <= 1


def write_with_one_seed(text: str) -> str:
    """Shorten a preset's list of seeds to the first, so that the number of lines does not depend on the seeds."""
    return re.sub(r"(^seeds:\n- \d+\n)(?:- \d+\n)+", r"\1", text, flags=re.MULTILINE)
