"""The published networks agree with their libraries' preprocessing and models, with one random state dict for both."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import timm
import torch
from numpy.typing import NDArray
from PIL import Image
from timm.layers.pos_embed import resample_abs_pos_embed
from torch import Tensor
from torch.nn.functional import interpolate
from torchvision.transforms import v2

from benchmarks.inception_weights import draw_images
from stages.scores.card import write_card
from stages.scores.extractor import load_extractor
from stages.scores.extractors import clip, dinov2
from stages.scores.resizes import RESIZES

CPU = torch.device("cpu")
TOLERANCE = 1e-5


def make_dinov2_options(**changes: object) -> dinov2.Options:
    defaults = {"model": "vits14", "image_size": 224, "resize": "pillow_bicubic", "weights_path": "w.pth"}
    return dinov2.Options.model_validate(defaults | {"sha256": None} | changes)


def make_clip_options(**changes: object) -> clip.Options:
    defaults = {"model": "ViT-B-32-quickgelu", "resize": "pillow_bicubic", "weights_path": "w.pth"}
    return clip.Options.model_validate(defaults | {"sha256": None} | changes)


def see(module: Any, options: Any, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    write_card(module.make(options, CPU))
    return np.concatenate([features for features, _ in load_extractor(CPU).extract(images)])


def deviate(ours: NDArray[np.float32], theirs: Tensor) -> float:
    """Return the relative difference of two sets of features."""
    others = theirs.detach().numpy()
    return float(np.linalg.norm(ours - others) / np.linalg.norm(others))


def interpolate_as_the_authors(embedding: Tensor, side: int) -> Tensor:
    """Interpolate a position embedding of 37 x 37 patches, written out from the authors' interpolate_pos_encoding."""
    patches = embedding[:, 1:].reshape(1, 37, 37, -1).permute(0, 3, 1, 2)
    scale = float((side + 0.1) / 37)
    square = interpolate(patches, scale_factor=(scale, scale), mode="bicubic")
    return torch.cat([embedding[:, :1], square.permute(0, 2, 3, 1).reshape(1, side**2, -1)], dim=1)


def to_pillow(images: NDArray[np.uint8]) -> list[Image.Image]:
    return [Image.fromarray(image.transpose(1, 2, 0)) for image in images]


SIDE = 98


@cache
def draw_published() -> dict[str, Tensor]:
    """Draw random weights of the published file's names and shapes, with a position embedding for 518 pixels."""
    torch.manual_seed(0)
    network = timm.create_model("vit_small_patch14_dinov2", num_classes=0, img_size=SIDE)
    state = dict(network.state_dict())
    state["pos_embed"] = torch.zeros(1, 1 + 37 * 37, 384)
    # The initial layer scale is 1e-5, with which no block would matter.
    drawn = {name: value + 0.05 * torch.randn_like(value) for name, value in state.items()}
    return drawn | {"mask_token": torch.zeros(1, 384)}


@pytest.mark.slow
@pytest.mark.parametrize("resize", ["pillow_bicubic", "torch_bicubic"])
def test_dinov2_equals_timms_network_after_dgm_evals_or_edm2s_preprocessing(
    resize: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    state, images = draw_published(), draw_images(3, 48)
    torch.save(state, "w.pth")
    ours = see(dinov2, make_dinov2_options(resize=resize, image_size=SIDE), images.numpy())
    peer = timm.create_model("vit_small_patch14_dinov2", num_classes=0, img_size=SIDE).eval()
    positions = interpolate_as_the_authors(state["pos_embed"], SIDE // 14)
    peer.load_state_dict(
        {name: value for name, value in state.items() if name != "mask_token"} | {"pos_embed": positions}
    )
    mean, deviation = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    if resize == "pillow_bicubic":
        prepare = v2.Compose(
            [
                v2.Resize((SIDE, SIDE), v2.InterpolationMode.BICUBIC),
                v2.PILToTensor(),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize(mean, deviation),
            ]
        )
        prepared = torch.stack([prepare(image) for image in to_pillow(images.numpy())])
    else:
        resized = interpolate(images.float(), size=(SIDE, SIDE), mode="bicubic", antialias=True)
        prepared = v2.functional.normalize(resized / 255, list(mean), list(deviation))
    assert deviate(ours, peer(prepared)) < TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("model", ["ViT-B-32-quickgelu", "ViT-B-32"])
def test_clip_equals_open_clips_preprocessing_and_model(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    peer, _, prepare = open_clip.create_model_and_transforms(model)
    torch.save(peer.state_dict(), "w.pth")
    images = draw_images(3, 48).numpy()
    ours = see(clip, make_clip_options(model=model), images)
    prepared = torch.stack([prepare(image) for image in to_pillow(images)])
    assert deviate(ours, peer.eval().encode_image(prepared)) < TOLERANCE


def test_the_position_embedding_is_interpolated_as_by_the_authors_and_not_as_by_timm() -> None:
    random = torch.Generator().manual_seed(0)
    embedding = torch.randn(1, 1 + 37 * 37, 8, generator=random)
    ours = dinov2.interpolate_positions(embedding, 16)
    assert torch.equal(ours, interpolate_as_the_authors(embedding, 16))
    theirs = resample_abs_pos_embed(embedding, [16, 16])
    assert (theirs - ours).norm() / ours.norm() > 0.1
    assert torch.equal(dinov2.interpolate_positions(embedding, 37), embedding)


@pytest.mark.parametrize(("height", "width", "side"), [(28, 28, 224), (48, 32, 98), (300, 260, 224)])
def test_both_resizes_hardly_differ_as_edm2s_authors_say(height: int, width: int, side: int) -> None:
    pixels = draw_images(2, height)[..., :width].contiguous()
    first, second = (RESIZES[name](pixels, side) for name in ("pillow_bicubic", "torch_bicubic"))
    assert first.shape == second.shape == (2, 3, side, side)
    # Pillow rounds after the rows and after the columns.
    assert (first - second.clamp(0, 255)).abs().max() <= 1.5
    assert torch.equal(first, first.round()) and not torch.equal(second, second.round())


@pytest.mark.slow
def test_a_published_file_is_read_as_safetensors_torch_file_or_torchscript_with_its_checksum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import hashlib

    from safetensors.torch import save_file

    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    state = dict(dinov2.draw_weights(make_dinov2_options()))
    torch.save(state, "w.pth")
    save_file(state, "w.safetensors")
    _make_script(state).save("w.pt")
    sums = {file: hashlib.sha256(Path(file).read_bytes()).hexdigest() for file in ("w.pth", "w.safetensors")}
    hashes = set()
    for file, found in sums.items():
        card = dinov2.make(make_dinov2_options(weights_path=file), CPU)
        assert card.weights_sha256 == found
        hashes.add(card.file_sha256)
    assert len(hashes) == 1
    with pytest.raises(ValueError, match="TorchScript archive, which holds code.*give its sha256"):
        dinov2.make(make_dinov2_options(weights_path="w.pt"), CPU)


def _make_script(state: dict[str, Tensor]) -> Any:
    module = torch.nn.Module()
    module.register_buffer("pos_embed", state["pos_embed"])
    return torch.jit.script(module)


@pytest.mark.parametrize(
    ("content", "changes", "message"),
    [
        (
            {"a": 1},
            {},
            "holds no weights that can be read safely .it does not hold named tensors alone.*download",
        ),
        (b"<html>a proxy's page</html>", {}, "holds no weights that can be read safely"),
        ({"cls_token": torch.ones(1)}, {"sha256": "0" * 64}, "has the sha256 .*, expected 0000"),
        (
            {"cls_token": torch.ones(1)},
            {},
            "does not hold the weights of DINOv2 vits14: blocks.0.*is missing",
        ),
        (None, {}, "extractor.dinov2.weights_path = 'w.pth' does not exist"),
        (
            None,
            {"weights_path": None},
            "no checksum of https.*vits14_pretrain.pth is known here.*set weights_path",
        ),
    ],
)
def test_a_file_that_holds_no_such_weights_is_refused_in_one_line(
    content: Any, changes: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if isinstance(content, bytes):
        Path("w.pth").write_bytes(content)
    elif content is not None:
        torch.save(content, "w.pth")
    with pytest.raises(ValueError, match=message) as caught:
        dinov2.make(make_dinov2_options(**changes), CPU)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("fault", ["a shape", "a number"])
def test_weights_of_another_shape_or_not_finite_are_refused_by_name(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    state = dict(dinov2.draw_weights(make_dinov2_options()))
    state["cls_token"] = torch.ones(1, 1, 12) if fault == "a shape" else torch.full((1, 1, 384), torch.nan)
    torch.save(state, "w.pth")
    with pytest.raises(ValueError, match="cls_token (is .1, 1, 12., expected|are not finite)") as caught:
        dinov2.make(make_dinov2_options(), CPU)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", [0, 100, 225, 5000])
def test_a_size_that_is_no_number_of_patches_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="image_size"):
        make_dinov2_options(image_size=size)
