"""The options that say how a training is computed: their claims of equal bits hold, and invalid ones are refused."""

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from pydantic import ValidationError
from safetensors.torch import load_file

from stages.common.artifacts import Trial
from stages.common.params import load_section, read_params
from stages.networks.gan import load_gan_module
from stages.networks.gradient_penalty import compute_gradient_penalty
from stages.networks.params import NetworksParams
from stages.train.export import export_outputs
from stages.train.params import TrainParams
from stages.train.steps import uses_bfloat16
from stages.train.trial import train_trial
from tests.train.interrupting import Killed, kill_at, remove_scratch
from tests.train.test_trial import change_params

GANS = ["began", "ebgan", "wgan_gp", "batch_norm", "layer_norm", "sngan"]
# Every option that claims bit-identity, away from its default.
EXACT = [{"precision": "bfloat16"}, {"memory_format": "contiguous"}, {"reuse_fake": True}]
CPU = torch.device("cpu")
ON_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


def change_train(**changes: Any) -> None:
    content = yaml.safe_load(Path("params.yaml").read_text())
    content["train"] |= changes
    content["settings"]["A"]["discriminator_steps"] = 2
    Path("params.yaml").write_text(yaml.safe_dump(content))


def train(gan: str, device: torch.device = CPU) -> dict[str, bytes]:
    trial = Trial(gan, "A", 0)
    export_outputs(train_trial(trial, device))
    return {path.name: path.read_bytes() for path in sorted((Path("models") / trial.name).iterdir())}


def kill_and_resume(
    gan: str, monkeypatch: pytest.MonkeyPatch, device: torch.device = CPU
) -> dict[str, bytes]:
    remove_scratch()
    with monkeypatch.context() as patch, pytest.raises(Killed):
        # This is between the discriminator steps of the seventh generator step, after the checkpoint at the fifth.
        kill_at(patch, 13)
        train(gan, device)
    return train(gan, device)


@pytest.mark.parametrize("gan", GANS)
@pytest.mark.parametrize("option", EXACT, ids=lambda option: next(iter(option)))
def test_a_killed_training_resumes_and_ends_bit_identical_under_every_option_that_claims_it(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, gan: str, option: dict[str, Any]
) -> None:
    change_train(**option)
    undisturbed = train(gan)
    assert kill_and_resume(gan, monkeypatch) == undisturbed


@pytest.mark.parametrize("option", [*EXACT, {"compile": False}], ids=lambda option: next(iter(option)))
def test_an_option_is_part_of_what_a_result_depends_on(workspace: Path, option: dict[str, Any]) -> None:
    change_train()
    default = train("sngan")
    change_train(**option)
    assert (train("sngan") == default) == (option == {"compile": False})


def test_mapped_images_give_the_bytes_of_images_on_the_device(workspace: Path) -> None:
    on_device = train("batch_norm")
    change_params(compute={"images": "mapped"})
    remove_scratch()
    assert train("batch_norm") == on_device


def test_bfloat16_keeps_the_state_in_float32_and_stays_close_to_it(workspace: Path) -> None:
    exact = load_trained("sngan")
    change_train(precision="bfloat16")
    remove_scratch()
    reduced = load_trained("sngan")
    assert {value.dtype for value in reduced.values()} <= {
        torch.float32,
        torch.float64,
        torch.int64,
        torch.uint8,
    }
    name = "gan.generator.first.weight"
    assert not torch.equal(reduced[name], exact[name])
    assert torch.allclose(reduced[name], exact[name], atol=0.05)


def load_trained(gan: str) -> dict[str, torch.Tensor]:
    train(gan)
    return load_file(f"models/{gan}-A-0/state.safetensors")


def test_a_gradient_penalty_is_computed_in_full_precision_unless_told_otherwise(workspace: Path) -> None:
    module = load_gan_module("wgan_gp")
    gan = module.GAN(
        (1, 8, 8),
        load_section(NetworksParams, "networks"),
        module.Options(discriminator_steps=None, gradient_penalty_weight=1.0, full_precision_penalty=True),
    )
    real, fake = torch.rand(2, 4, 1, 8, 8)

    def measure(in_full_precision: bool) -> torch.Tensor:
        random = torch.Generator().manual_seed(0)
        return compute_gradient_penalty(gan.discriminator, real, fake, random, in_full_precision)

    expected = measure(True)
    assert torch.equal(measure(False), expected)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(measure(True), expected)
        reduced = measure(False)
    assert reduced.dtype == torch.float32
    assert not torch.equal(reduced, expected)
    torch.testing.assert_close(reduced, expected, rtol=0.02, atol=0.0)


@pytest.mark.parametrize("gan", ["wgan_gp", "gan_gp"])
def test_a_penalty_in_bfloat16_is_asked_for_by_name_and_resumes_to_the_bit(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, gan: str
) -> None:
    change_train(precision="bfloat16")
    in_float32 = train(gan)
    change_params(options={gan: read_params()["options"][gan] | {"full_precision_penalty": False}})
    remove_scratch()
    in_bfloat16 = train(gan)
    assert in_bfloat16 != in_float32
    assert kill_and_resume(gan, monkeypatch) == in_bfloat16


def test_the_generator_is_trained_on_the_images_just_shown_where_they_are_reused(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_train(reuse_fake=True, generator_steps=3)
    module = load_gan_module("sngan")
    shown: list[torch.Tensor] = []
    for name in ("discriminator_loss", "generator_loss"):
        original = getattr(module.GAN, name)

        def note(self: Any, *images: Any, original: Any = original, place: int = 1) -> Any:
            shown.append(images[1 if len(images) > 1 else 0].images.detach().clone())
            return original(self, *images)

        monkeypatch.setattr(module.GAN, name, note)
    train("sngan")
    # There are two discriminator steps, and the images of the second one are reused.
    assert [torch.equal(shown[i + 1], shown[i + 2]) for i in (0, 3, 6)] == [True] * 3
    assert not torch.equal(shown[0], shown[1])


@pytest.mark.slow
@pytest.mark.parametrize("gan", ["sngan", "wgan_gp"])
def test_a_compiled_training_resumes_and_agrees_with_an_uncompiled_one(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, gan: str
) -> None:
    change_train()
    plain = load_trained(gan)
    change_train(compile=True)
    remove_scratch()
    kill_and_resume(gan, monkeypatch)
    compiled = load_file(f"models/{gan}-A-0/state.safetensors")
    names = [name for name in ("gan.generator.first.weight", "gan.discriminator.score.bias") if name in plain]
    assert names
    for name in names:
        assert torch.allclose(compiled[name], plain[name], atol=1e-3)


def test_two_ways_to_save_launches_cannot_go_together(workspace: Path) -> None:
    train_section = yaml.safe_load(Path("params.yaml").read_text())["train"]
    with pytest.raises(ValidationError, match="compile and cuda_graphs are both true; choose one"):
        TrainParams(**train_section | {"compile": True, "cuda_graphs": True})


@pytest.mark.parametrize(("precision", "expected"), [("auto", False), ("float32", False), ("bfloat16", True)])
def test_precision_is_only_reduced_on_a_cpu_that_is_told_to(
    workspace: Path, precision: str, expected: bool
) -> None:
    section = yaml.safe_load(Path("params.yaml").read_text())["train"] | {"precision": precision}
    assert uses_bfloat16(TrainParams(**section), CPU) == expected
