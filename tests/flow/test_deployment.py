"""The checks before the flow is deployed, and the choices that Prefect's form offers."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.runtime import flow_run

from pipeline.flow import run_name
from pipeline.flow.deployment import FILE, NAME, check_deployments
from pipeline.flow.flow import compare
from pipeline.flow.request import DEVICES, check_request
from pipeline.flow.run_name import is_generated, name_run
from pipeline.preset import list_presets
from stages.common.errors import InputError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder that has only the params and presets, and check that they do not change."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    shutil.copy(ROOT / "params.yaml", "params.yaml")
    shutil.copytree(ROOT / "presets", "presets")
    Path("stages").symlink_to(ROOT / "stages")
    return tmp_path


def test_the_form_offers_the_presets_and_devices_in_menus() -> None:
    properties: dict[str, Any] = compare.parameters.properties
    for name, values in (("preset", list_presets(ROOT / "presets")), ("device", list(DEVICES))):
        text, nothing = properties[name]["anyOf"]
        assert text["enum"] == values and nothing == {"type": "null"}
    assert "smoke" in str(properties["preset"])


def test_the_deployments_of_a_schedule_and_of_the_file_have_names_of_their_own() -> None:
    content = yaml.safe_load((ROOT / FILE).read_text())
    names = [deployment["name"] for deployment in content["deployments"]]
    assert NAME not in names and len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"preset": "nonsense"}, "preset 'nonsense' is unknown; there is default"),
        ({"overrides": ["train.generator_stepz=1"]}, "did you mean train.generator_steps"),
        ({"preset": "smoke", "trials": ["dcgan-*"]}, "'dcgan-\\*' fits none"),
        ({"device": "gpu"}, "device = 'gpu' is unknown"),
        ({"jobs": 0}, "jobs = 0 is too small"),
    ],
)
def test_what_a_run_would_refuse_is_refused_when_it_is_deployed(
    root: Path, parameters: dict[str, Any], message: str
) -> None:
    before = Path("params.yaml").read_bytes()
    with pytest.raises(InputError, match=message) as caught:
        check_request(**parameters)
    assert "\n" not in str(caught.value)
    assert Path("params.yaml").read_bytes() == before and Path.cwd() == root


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"preset": "nonsense"}, "deployment 'mine': preset 'nonsense' is unknown"),
        (
            {"presett": "smoke"},
            "deployment 'mine': parameter 'presett' is unknown .did you mean preset.*; there is preset",
        ),
        ({"jobs": "two"}, "deployment 'mine': .*jobs"),
        ({"overrides": "seeds=[1]"}, "deployment 'mine': .*overrides"),
        (["smoke"], "deployment 'mine': parameters = \\['smoke'\\] is no mapping"),
    ],
)
def test_a_deployment_of_the_file_that_a_run_would_refuse_is_named(parameters: Any, message: str) -> None:
    content = yaml.safe_load((ROOT / FILE).read_text())
    content["deployments"].append(content["deployments"][0] | {"name": "mine", "parameters": parameters})
    FILE.write_text(yaml.safe_dump(content))
    with pytest.raises(InputError, match=message) as caught:
        check_deployments()
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("text", ["deployments: [", "\x00", "a: b: c"])
def test_a_file_of_deployments_that_is_no_yaml_is_named(text: str) -> None:
    FILE.write_text(text)
    with pytest.raises(InputError, match="prefect.yaml cannot be read"):
        check_deployments()


@pytest.mark.parametrize("name", ["wonderful-capybara", "solid-otter", "amber-fox"])
def test_names_that_prefect_made_up_are_known(name: str) -> None:
    assert is_generated(name)


@pytest.mark.parametrize("given", ["nightly", "my run", "before-the-paper", "seeds 0-4", "compare-smoke"])
def test_a_name_that_a_person_gave_is_kept(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_run, "get_name", lambda: given)
    assert name_run() == given


@pytest.mark.parametrize(
    ("preset", "edit", "expected"),
    [("smoke", "", "compare-smoke"), (None, "", "compare-default"), (None, "# mine\n", "compare-custom")],
)
def test_a_run_without_a_name_is_called_after_its_preset_and_commit(
    preset: str | None, edit: str, expected: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow_run, "get_name", lambda: "solid-otter")
    monkeypatch.setattr(flow_run, "get_parameters", lambda: {"preset": preset})
    with Path("params.yaml").open("a") as file:
        file.write(edit)
    # Without a Git repository, the name has no commit.
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(root.parent))
    assert name_run() == expected
    monkeypatch.setattr(run_name, "describe_commit", lambda: {"mlflow.source.git.commit": "84cfc5e5dacf"})
    assert name_run() == f"{expected}-84cfc5e"
