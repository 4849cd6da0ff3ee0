import shutil
from pathlib import Path

import pytest
import torch
import yaml

from pipeline.preset import compose_preset, find_preset, list_presets, main, switch_preset
from stages.networks.gan import load_gan_module
from stages.networks.params import NetworksParams

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "presets", "presets")
    shutil.copy("presets/default.yaml", "params.yaml")


def read() -> str:
    return Path("params.yaml").read_text(encoding="utf-8")


def test_the_presets_are_default_first() -> None:
    assert list_presets() == ["default", "miyato", "paper128", "report", "report_corrected", "smoke"]


def test_the_default_comes_back_word_for_word() -> None:
    text = read()
    switch_preset("smoke")
    assert read() != text
    switch_preset("default")
    assert read() == text


def test_a_preset_changes_what_it_names_and_nothing_else() -> None:
    switch_preset("report")
    before, after = yaml.safe_load(compose_preset("default")), yaml.safe_load(read())
    assert after["prepare"]["dataset"] == "cifar10"
    assert after["train"]["generator_steps"] == 234_300
    assert after["extractor"]["name"] == "inception"
    assert after["extractor"]["classifier"] == before["extractor"]["classifier"]
    assert after["settings"] == before["settings"]
    assert read().startswith("# Every parameter.") and "the preset `report`" in read().partition("\n\n")[0]


def test_an_edit_by_hand_is_not_overwritten_without_force(capsys: pytest.CaptureFixture[str]) -> None:
    Path("params.yaml").write_text(read().replace("seeds: [0]", "seeds: [0, 1]"))
    assert find_preset(read()) is None
    with pytest.raises(ValueError, match="was edited by hand .* --force"):
        main(["smoke"])
    assert "seeds: [0, 1]" in read()
    main(["smoke", "--force"])
    assert find_preset(read()) == "smoke"
    assert "params.yaml is now the preset `smoke`" in capsys.readouterr().out


def test_an_unknown_preset_or_key_is_told_with_those_that_there_are() -> None:
    with pytest.raises(
        ValueError,
        match="preset 'tiny' is unknown; there is default, miyato, paper128, report, report_corrected, smoke",
    ):
        switch_preset("tiny")
    Path("presets/typo.yaml").write_text("train: {bach_size: 3}\n")
    with pytest.raises(
        ValueError, match=r"presets/typo.yaml.train.bach_size is no key of presets/default.yaml"
    ):
        switch_preset("typo")
    assert find_preset(read()) == "default"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "train: {generator_steps: 0100}\n",
            "presets/odd.yaml has 1 fault:\n.*train.generator_steps .line 1.: 0100 is",
        ),
        ("settings: {NO: {}}\n", "presets/odd.yaml has 1 fault:\n.*settings .line 1.: NO is"),
        ("a: [\n", "presets/odd.yaml has 1 fault:\n.*it is not valid YAML"),
        ("", "presets/odd.yaml has 1 fault:\n.*it must hold a mapping"),
    ],
)
def test_a_preset_is_read_by_the_rules_of_params_yaml(text: str, reason: str) -> None:
    before = read()
    Path("presets/odd.yaml").write_text(text)
    with pytest.raises(ValueError, match=reason):
        switch_preset("odd")
    assert read() == before


@pytest.mark.parametrize("content", [b"a: caf\xe9\n", b"a: 1\n" * 1_000_000])
def test_a_params_file_that_cannot_be_read_was_edited_by_hand(content: bytes) -> None:
    Path("params.yaml").write_bytes(content)
    with pytest.raises(ValueError, match="was edited by hand"):
        switch_preset("smoke")
    switch_preset("smoke", force=True)
    assert find_preset(read()) == "smoke"


def test_a_preset_may_bring_settings_of_its_own() -> None:
    Path("presets/ttur.yaml").write_text(
        "settings_used: [T]\n"
        "settings:\n"
        "  T: {generator_learning_rate: 0.001, discriminator_learning_rate: 0.004, "
        "beta1: 0.5, beta2: 0.9, discriminator_steps: 1}\n"
    )
    switch_preset("ttur")
    content = yaml.safe_load(read())
    assert content["settings_used"] == ["T"]
    assert list(content["settings"]) == ["A", "B", "C", "T"]


def test_a_protocol_is_laid_over_any_preset_and_known_again() -> None:
    main(["report", "--protocol", "miyato"])
    content = yaml.safe_load(read())
    assert content["prepare"]["dataset"] == "cifar10"
    assert (content["sample"]["sample_count"], content["reference"]["count"]) == (50_000, 10_000)
    assert (content["scores"]["splits"], content["scores"]["fid_sample_count"]) == (10, 5000)
    assert find_preset(read()) == "report"
    with pytest.raises(ValueError, match="protocol 'tiny' is unknown; there is field, miyato, report"):
        compose_preset("report", protocol="tiny")


@pytest.mark.parametrize("name", list_presets(ROOT / "presets"))
def test_every_presets_networks_can_be_built(name: str) -> None:
    params = yaml.safe_load(compose_preset(name))
    networks = NetworksParams.model_validate(params["networks"])
    size, channels = params["prepare"]["image_size"], 3
    for gan in params["gans"]:
        module = load_gan_module(gan)
        options = module.Options.model_validate(params["options"][gan])
        built = module.GAN((channels, size, size), networks, options)
        with torch.no_grad():
            images = built.generator(torch.zeros(2, networks.z_dimension))
            built.discriminator(images)
        assert images.shape == (2, channels, size, size)


def test_the_corrected_report_differs_from_the_report_in_its_settings_alone() -> None:
    as_printed, corrected = (yaml.safe_load(compose_preset(name)) for name in ("report", "report_corrected"))
    assert [corrected["settings"][letter]["discriminator_steps"] for letter in "ABC"] == [5, 1, 1]
    for letter in "ABC":
        printed = as_printed["settings"][letter]
        for rate in ("generator_learning_rate", "discriminator_learning_rate"):
            assert corrected["settings"][letter][rate] == pytest.approx(printed[rate] / 10)
    del as_printed["settings"], corrected["settings"]
    assert as_printed == corrected


def test_the_128_pixel_preset_has_the_reports_two_time_scales() -> None:
    setting = yaml.safe_load(compose_preset("paper128"))["settings"]["T"]
    assert setting["discriminator_learning_rate"] == 4 * setting["generator_learning_rate"]
