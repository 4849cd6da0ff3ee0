from pathlib import Path

import pytest
from pydantic import Field

from stages.common.grid import Grid
from stages.common.params import Params, ParamsError, find_faults, load_section, read_params


class Example(Params):
    rate: float = Field(gt=0.0)
    count: int


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(text: str) -> None:
    Path("params.yaml").write_text(text)


def test_a_section_is_read_by_its_keys() -> None:
    write("outer:\n  inner: {rate: 0.5, count: 3}\n")
    assert load_section(Example, "outer", "inner") == Example(rate=0.5, count=3)


def test_every_fault_of_a_section_is_reported_with_its_full_key() -> None:
    write("outer:\n  inner: {rate: -1.0, cuont: 3}\n")
    with pytest.raises(ParamsError) as caught:
        load_section(Example, "outer", "inner")
    assert sorted(caught.value.faults) == [
        "outer.inner.count is missing; add it",
        "outer.inner.cuont is unknown: a misspelling, or a key of another section; remove it",
        "outer.inner.rate = -1.0: input should be greater than 0",
    ]
    assert str(caught.value).startswith("params.yaml has 3 faults:\n  - ")


def test_the_fault_of_a_number_that_yaml_reads_as_text_says_how_to_write_it() -> None:
    write("inner: {rate: 1e-4, count: 3}\n")
    with pytest.raises(ParamsError, match="inner.rate = '1e-4': .* as in 1.0e-4 or 0.0001"):
        load_section(Example, "inner")


@pytest.mark.parametrize("value", ["true", "3.0", "'3'", "null"])
def test_no_value_is_converted(value: str) -> None:
    write(f"inner: {{rate: 1.0, count: {value}}}\n")
    with pytest.raises(ParamsError, match="inner.count = "):
        load_section(Example, "inner")


def test_the_fault_of_a_missing_section_names_the_existing_ones() -> None:
    write("one: {}\ntwo: {}\n")
    with pytest.raises(ParamsError, match="three is missing; there is one, two"):
        load_section(Example, "three")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1\n", "it is not valid YAML"),
        ("- 1\n", "it must hold a mapping, but holds a list"),
        ("", "it must hold a mapping, but holds a NoneType"),
    ],
)
def test_a_file_that_is_not_a_mapping_is_refused(text: str, message: str) -> None:
    write(text)
    with pytest.raises(ParamsError, match=message):
        read_params()


def test_the_fault_of_a_missing_file_says_where_to_run() -> None:
    with pytest.raises(ParamsError, match="the file is missing in .*; run from the repository's root"):
        read_params()


def test_faults_are_found_without_raising() -> None:
    assert find_faults(lambda: Example(rate=1.0, count=1), "x") == []
    assert find_faults(lambda: Example.model_validate({"rate": 1.0}), "x") == ["x.count is missing; add it"]


def test_the_grid_lists_its_trials_gan_by_gan() -> None:
    write("gans: [sngan, began]\nsettings_used: [A, C]\nseeds: [0, 7]\nother: 1\n")
    names = [trial.name for trial in Grid.load().trials()]
    assert names[:3] == ["sngan-A-0", "sngan-A-7", "sngan-C-0"]
    assert len(names) == 8 and names[-1] == "began-C-7"


@pytest.mark.parametrize("gan", ["SNGAN", "../x", "a-b", ""])
def test_a_gans_name_must_be_a_file_name(gan: str) -> None:
    write(f"gans: ['{gan}']\nsettings_used: [A]\nseeds: [0]\n")
    with pytest.raises(ParamsError, match="gans.0 = "):
        Grid.load()
