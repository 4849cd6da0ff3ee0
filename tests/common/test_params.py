import os
from collections.abc import Callable
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
        "outer.inner.cuont is unknown (did you mean count?): a misspelling, or a key of another section; remove it",
        "outer.inner.rate = -1.0: input should be greater than 0",
    ]
    assert str(caught.value).startswith("params.yaml has 3 faults:\n  - ")


@pytest.mark.parametrize(
    ("text", "rate"), [("1e-4", 0.0001), ("1.0e-4", 0.0001), (".5", 0.5), ("1e3", 1000.0)]
)
def test_a_number_with_an_exponent_is_a_number_as_it_is_to_dvc(text: str, rate: float) -> None:
    write(f"inner: {{rate: {text}, count: 3}}\n")
    assert load_section(Example, "inner").rate == rate


def test_the_fault_of_a_number_in_quotes_says_how_to_write_it() -> None:
    write("inner: {rate: '1e-4', count: 3}\n")
    with pytest.raises(
        ParamsError, match="inner.rate = '1e-4': .* a number has no quotes, as in 1.0e-4 or 0.0001"
    ):
        load_section(Example, "inner")


def test_the_fault_of_a_count_with_an_exponent_says_how_to_write_it() -> None:
    write("inner: {rate: 1.0, count: 1e3}\n")
    with pytest.raises(ParamsError, match="inner.count = 1000.0: .* no point and no exponent, as in 1000"):
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
        ("a: 0100\n", "a .line 1.: 0100 is neither"),
        ("a: 1\n" * 100_000, "it has 500,000 bytes; allowed are 131,072"),
        (b"a: 1\nb: caf\xe9\n", "line 2 is not in UTF-8; save the file in UTF-8"),
        ("a: 1\n".encode("utf-16"), "line 1 is not in UTF-8"),
    ],
)
def test_a_file_that_is_not_a_mapping_of_params_is_refused_in_one_short_message(
    text: str | bytes, message: str
) -> None:
    Path("params.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ParamsError, match=message) as caught:
        read_params()
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.symlink_to("/dev/zero"), os.mkfifo])
def test_what_is_no_file_is_refused_and_not_read(make: Callable[[Path], object]) -> None:
    make(Path("params.yaml"))
    with pytest.raises(ParamsError, match="it is a folder or a device; make it a file"):
        read_params()


def test_the_ends_of_lines_are_those_that_dvc_reads() -> None:
    Path("params.yaml").write_bytes(b"a: one\r\nb: two\rc: three\n")
    assert read_params() == {"a": "one", "b": "two", "c": "three"}


def test_a_message_is_short_however_many_faults_there_are_and_however_long_they_are() -> None:
    error = ParamsError([f"{'x' * 10_000}{number}" for number in range(5000)])
    assert len(str(error)) < 10_000 and str(error).endswith("  and 4980 more")
    assert len(error.faults) == 5000


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


def test_a_grid_has_a_bounded_number_of_trials() -> None:
    seeds = ", ".join(map(str, range(1000)))
    write(f"gans: [{', '.join('abcdefghijk')}]\nsettings_used: [A]\nseeds: [{seeds}]\n")
    with pytest.raises(ParamsError, match="make 11000 trials; allowed are 10000"):
        Grid.load()
    write(f"gans: [sngan]\nsettings_used: [A]\nseeds: [{seeds}, 1001]\n")
    with pytest.raises(ParamsError, match="seeds = .*at most 1000 items"):
        Grid.load()


@pytest.mark.parametrize("gan", ["SNGAN", "../x", "a-b", "", "a" * 65, "a/b"])
def test_a_gans_name_must_be_a_file_name(gan: str) -> None:
    write(f"gans: ['{gan}']\nsettings_used: [A]\nseeds: [0]\n")
    with pytest.raises(ParamsError, match="gans.0 = "):
        Grid.load()
