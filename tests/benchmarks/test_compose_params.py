import io

import pytest
import yaml

from benchmarks.compose_params import compose_params
from pipeline.preset import compose_preset, list_presets


@pytest.mark.parametrize("preset", list_presets())
def test_a_preset_has_the_values_that_the_pipeline_gives_it(preset: str) -> None:
    assert compose_params(preset, []) == yaml.safe_load(io.StringIO(compose_preset(preset)))


def test_changes_are_merged_into_the_preset() -> None:
    params = compose_params("report", ["train.generator_steps=100", "seeds=[0, 1]", "prepare.path=null"])
    assert params["train"] == compose_params("report", [])["train"] | {"generator_steps": 100}
    assert params["seeds"] == [0, 1]
    assert params["prepare"]["path"] is None


@pytest.mark.parametrize(
    ("preset", "change", "message"),
    [
        ("reprot", "seeds=[0]", "preset 'reprot' is unknown; there is ablations, default"),
        ("report", "train.generator_stepz=1", r"train\.generator_stepz is unknown; there is batch_size"),
        ("report", "seeds", "'seeds' is not a change; write key=value"),
        (
            "report",
            "train.generator_steps=0100",
            "train.generator_steps=0100': .* 0100 is neither a decimal number",
        ),
        ("report", "seeds=[1_0]", "1_0 is neither"),
        ("report", "report.title=NO", "NO is neither"),
    ],
)
def test_what_there_is_not_is_refused(preset: str, change: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compose_params(preset, [change])
