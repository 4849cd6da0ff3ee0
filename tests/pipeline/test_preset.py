import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from pipeline.preset import compose_preset, find_preset, list_presets, main, switch_preset
from stages.gans import began
from stages.networks.gan import load_gan_module
from stages.networks.params import NetworksParams
from stages.train.params import TrainParams

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "presets", "presets")
    Path(".dvc").mkdir()
    Path("dvc.yaml").touch()
    shutil.copy("presets/default.yaml", "params.yaml")


def read() -> str:
    return Path("params.yaml").read_text(encoding="utf-8")


def test_the_presets_are_default_first() -> None:
    assert list_presets() == [
        "default",
        "ablations",
        "headline",
        "miyato",
        "paper128",
        "report",
        "report_as_run",
        "report_corrected",
        "smoke",
    ]


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
    Path("params.yaml").write_text(read().replace("seeds:\n- 0\n", "seeds: [0, 1]\n"))
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
        match="preset 'tiny' is unknown; there is default, ablations, headline, miyato, paper128, report,",
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


def test_a_preset_changes_one_option_of_a_gan_and_one_number_of_a_setting() -> None:
    Path("presets/little.yaml").write_text(
        "options: {began: {gamma: 0.3}}\nsettings: {B: {discriminator_steps: 2}}\n"
    )
    before, after = (yaml.safe_load(compose_preset(name)) for name in ("default", "little"))
    before["options"]["began"]["gamma"] = 0.3
    before["settings"]["B"]["discriminator_steps"] = 2
    assert after == before


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


def read_preset(name: str, protocol: str | None = None) -> dict[str, Any]:
    params: dict[str, Any] = yaml.safe_load(compose_preset(name, protocol=protocol))
    return params


def test_the_corrected_report_has_the_papers_settings_and_critic_steps() -> None:
    as_described, corrected = read_preset("report"), read_preset("report_corrected")
    assert [corrected["settings"][letter]["discriminator_steps"] for letter in "ABC"] == [5, 1, 1]
    for letter in "ABC":
        printed = as_described["settings"][letter]
        for rate in ("generator_learning_rate", "discriminator_learning_rate"):
            assert corrected["settings"][letter][rate] == pytest.approx(printed[rate] / 10)
    assert corrected["options"].pop("wgan_gp")["discriminator_steps"] == 5
    assert as_described["options"].pop("wgan_gp")["discriminator_steps"] is None
    assert corrected["train"].pop("evaluation_points") == 5 * as_described["train"].pop("evaluation_points")
    del as_described["settings"], corrected["settings"]
    assert as_described == corrected


def test_the_report_as_run_scores_wgan_gp_where_its_300_epochs_ended() -> None:
    params = read_preset("report_as_run")
    assert params["options"]["wgan_gp"]["discriminator_steps"] == 5
    # 300 epochs of 781 batches, with a generator step after every fifth.
    assert 300 * 781 // 5 in TrainParams.model_validate(params["train"]).evaluation_generator_steps()


@pytest.mark.parametrize("name", ["default", "headline", "report_corrected"])
def test_the_papers_critic_steps_are_taken_and_no_option_is_tuned(name: str) -> None:
    options = read_preset(name)["options"]
    assert [options[gan]["discriminator_steps"] for gan in ("wgan_gp", "gan_gp", "weight_clipping")] == [
        5
    ] * 3
    assert [options[gan]["discriminator_steps"] for gan in ("sngan", "batch_norm", "began")] == [None] * 3
    assert (options["began"]["gamma"], options["began"]["lambda_k"]) == (0.5, 0.001)
    assert (options["ebgan"]["margin"], options["ebgan"]["pull_away_weight"]) == (1.0, 0.1)
    assert options["weight_clipping"]["clip"] == 0.01


def test_miyato_scores_by_its_papers_protocol_and_takes_the_discriminator_steps_of_its_settings() -> None:
    params = read_preset("miyato")
    assert params == read_preset("miyato", protocol="miyato")
    assert params["scores"]["fid_sample_count"] == 5000
    assert {params["options"][gan]["discriminator_steps"] for gan in params["gans"]} == {None}


@pytest.mark.parametrize("name", list_presets(ROOT / "presets"))
def test_a_preset_needs_no_files_of_the_user(name: str) -> None:
    params = read_preset(name)
    assert params["prepare"]["dataset"] != "image_folder"
    assert params["prepare"]["path"] is None
    assert params["extractor"]["inception"]["weights_path"] is None


@pytest.mark.parametrize("name", list_presets(ROOT / "presets"))
def test_no_preset_freezes_began_even_if_its_measure_never_falls(name: str) -> None:
    params = read_preset(name)
    options = began.Options.model_validate(params["options"]["began"])
    patience, total = options.patience_generator_steps, params["train"]["generator_steps"]
    for letter in params["settings_used"]:
        rate = params["settings"][letter]["generator_learning_rate"]
        gan = began.GAN((1, 8, 8), NetworksParams.model_validate(params["networks"]), options)
        halvings = sum(gan.end_generator_step(step) for step in range(patience, total + 1, patience))
        assert gan.schedule_learning_rate(rate) >= min(rate, 2e-5)
        # The report's code alone halves the rates after an epoch.
        assert halvings <= 1 or name == "report_as_run"


@pytest.mark.parametrize("name", ["headline", "ablations", "report_as_run", "report_corrected"])
def test_gans_have_a_point_after_equal_discriminator_steps(name: str) -> None:
    params = read_preset(name)
    points = TrainParams.model_validate(params["train"]).evaluation_generator_steps()
    for letter in params["settings_used"]:
        own = params["settings"][letter]["discriminator_steps"]
        steps = [params["options"][gan]["discriminator_steps"] or own for gan in params["gans"]]
        common = min(steps) * points[-1]
        assert all(common / each in points for each in steps)


def test_the_128_pixel_preset_has_the_reports_two_time_scales() -> None:
    params = read_preset("paper128")
    setting = params["settings"]["T"]
    assert setting["discriminator_learning_rate"] == 4 * setting["generator_learning_rate"]
    assert params["networks"]["negative_slope"] == 0.02
    assert params["options"]["sngan"]["normalise_generator"] is True
