"""A trial's snapshot is exported as ONNX and by torch.export: equal images, a model card, and errors before writing."""

import builtins
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from stages.common.artifacts import DATA_MANIFEST, MANIFEST, MODELS, Trial, snapshot_name, write_json
from stages.common.errors import InputError
from stages.evaluate.library import score
from stages.generators.file import GeneratorFile
from stages.generators.noise import sample_fixed_z
from stages.generators.params import GeneratorOptions
from stages.networks.architectures import build_generator
from stages.networks.generator import Generator
from stages.networks.params import NetworksParams
from stages.sample import export as export_module
from stages.sample.export_cli import export
from stages.sample.generation import generate_images
from stages.train.checkpoint import write_snapshot
from tests.driving import ROOT
from tests.scores.factories import make_extractor, make_images, write_folder

TRIAL = Trial("sngan", "A", 3)
NAMES = ["--gan", "sngan", "--setting", "A", "--seed", "3"]
NETWORKS = NetworksParams(architecture="standard", z_dimension=8, width=4, negative_slope=0.1)
OPTIONS = GeneratorOptions(z_dimension=8, z_distribution="normal", batch_size=100, output_range="symmetric")
PROTOCOL = {"splits": 2, "compared_count": 50, "kid_subset_size": 20, "kid_subsets": 5}


@pytest.fixture(autouse=True)
def trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder with params.yaml and a trial with two snapshots."""
    monkeypatch.chdir(tmp_path)
    make_trial(NETWORKS)


def make_trial(networks: NetworksParams, class_names: list[str] | None = None) -> None:
    text = (ROOT / "presets/default.yaml").read_text(encoding="utf-8")
    for key in ("z_dimension", "width", "architecture"):
        text = re.sub(
            rf"^  {key}: \w+", f"  {key}: {getattr(networks, key)}", text, count=1, flags=re.MULTILINE
        )
    Path("params.yaml").write_text(text, encoding="utf-8")
    snapshots = []
    for step in (20, 40):
        torch.manual_seed(step)
        generator = build_generator((1, 8, 8), networks, len(class_names) if class_names else None)
        write_snapshot(MODELS / TRIAL.name / snapshot_name(step), generator)
        snapshots.append(
            {"generator_step": step, "discriminator_steps": step, "epoch": 0.5, "file": snapshot_name(step)}
        )
    named = {} if class_names is None else {"class_names": class_names}
    manifest = TRIAL._asdict() | named | {"image_shape": [1, 8, 8], "snapshots": snapshots}
    write_json(MODELS / TRIAL.name / MANIFEST, manifest)
    write_json(DATA_MANIFEST, {"dataset": "digits", "sha256": "ab" * 32, "licence": "CC BY | 4.0"})


def load(step: int) -> Generator:
    torch.manual_seed(step)
    generator: Generator = build_generator((1, 8, 8), NETWORKS).eval()
    return generator


def test_both_formats_give_the_snapshots_images_and_the_card_says_how(
    capsys: pytest.CaptureFixture[str],
) -> None:
    export([*NAMES, "--format", "both", "out"])
    printed = capsys.readouterr().out
    expected = generate_images(load(40), sample_fixed_z(150, 8, TRIAL.seed), torch.device("cpu"))
    for name in ("generator.onnx", "generator.pt2"):
        found = GeneratorFile(f"out/{name}", OPTIONS, TRIAL.seed)(150)
        assert np.abs(found.astype(int) - expected).max() <= 1 and (found != expected).mean() < 1e-3
        assert re.search(
            rf"out/{name}: maximum absolute difference from the snapshot \d\.?\d*(e-\d+)? of", printed
        )
    card = Path("out/README.md").read_text(encoding="utf-8")
    for text in (
        "sngan, setting A, seed 3, generator step 40",
        "ab" * 32,
        r"CC BY \| 4.0",
        "N(0, I)",
        "z_dimension: 8",
    ):
        assert text in card
    assert "in [-1, 1]" in card and "maximum absolute difference" in card and "None are known" in card
    assert sorted(path.name for path in Path("out").iterdir()) == [
        "README.md",
        "generator.onnx",
        "generator.pt2",
    ]


def test_an_earlier_snapshot_may_be_named() -> None:
    export([*NAMES, "--point", "20", "--format", "torch_export", "out"])
    expected = generate_images(load(20), sample_fixed_z(100, 8, TRIAL.seed), torch.device("cpu"))
    found = GeneratorFile("out/generator.pt2", OPTIONS, TRIAL.seed)(100)
    assert (found != expected).mean() < 1e-3


def test_an_exported_generator_has_the_same_scores_as_a_callable_a_folder_and_an_array() -> None:
    export([*NAMES, "--format", "onnx", "out"])
    make_extractor()
    images = GeneratorFile("out/generator.onnx", OPTIONS, TRIAL.seed)(120)
    write_folder(Path("files"), images)
    generator = GeneratorFile("out/generator.onnx", OPTIONS, TRIAL.seed)
    parts = iter(np.split(images, [100]))
    results = [
        score(make_images(80), fake, protocol=PROTOCOL, fake_count=120)
        for fake in (generator, "files", images, lambda _: next(parts))
    ]
    assert all(dict(result.values) == dict(results[0].values) for result in results)


def test_a_conditional_generator_is_exported_with_its_labels() -> None:
    import onnxruntime

    make_trial(NETWORKS, ["zero", "one", "two"])
    export([*NAMES, "--format", "both", "out"])
    session = onnxruntime.InferenceSession("out/generator.onnx")
    assert [one.name for one in session.get_inputs()] == ["z", "labels"]
    card = Path("out/README.md").read_text(encoding="utf-8")
    assert "int64 [N] in 0..2: zero, one, two" in card and "symmetric, class_count: 3}" in card
    with pytest.raises(
        InputError, match="has the inputs z, labels; expected one, the noise, as class_count is"
    ):
        GeneratorFile("out/generator.onnx", OPTIONS)
    torch.manual_seed(40)
    generator = build_generator((1, 8, 8), NETWORKS, 3).eval()
    z, labels = sample_fixed_z(120, 8, TRIAL.seed), torch.arange(120) % 3
    expected = generate_images(generator, z, torch.device("cpu"), labels)
    options = OPTIONS.model_copy(update={"class_count": 3})
    for name in ("generator.onnx", "generator.pt2"):
        found = GeneratorFile(f"out/{name}", options, TRIAL.seed)(120)
        assert np.abs(found.astype(int) - expected).max() <= 1 and (found != expected).mean() < 1e-3


def test_labels_for_a_generator_that_reads_none_are_refused() -> None:
    export([*NAMES, "--format", "both", "--device", "auto", "out"])
    options = OPTIONS.model_copy(update={"class_count": 3})
    with pytest.raises(InputError, match="has the inputs z; expected two, the noise and the labels"):
        GeneratorFile("out/generator.onnx", options)
    with pytest.raises(
        InputError, match=r"cannot be run on noise \[100, 8\], float32 and labels \[100\], int64"
    ):
        GeneratorFile("out/generator.pt2", options)(3)


def test_the_residual_generator_is_exported_too() -> None:
    make_trial(NETWORKS.model_copy(update={"architecture": "residual"}))
    export([*NAMES, "--format", "both", "out"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([*NAMES, "--point", "30", "out"], "--point 30: sngan-A-3 has snapshots at generator steps 20, 40"),
        (
            ["--gan", "sngan", "--setting", "B", "--seed", "3", "out"],
            "make it with `dvc repro train@sngan-B-3`",
        ),
        (["--gan", "Sngan", "--setting", "A", "--seed", "3", "out"], "the command line has 1 fault"),
        ([*NAMES, "params.yaml"], "params.yaml is a file; name a folder"),
    ],
)
def test_what_cannot_be_exported_is_one_error(words: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        export(words)
    assert not Path("out").exists()


def test_without_onnx_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real_import = builtins.__import__

    def refuse(name: str, *rest: Any) -> Any:
        if name.startswith("onnx"):
            raise ImportError(name, name=name)
        return real_import(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(
        InputError, match=r"^--format onnx needs onnx: `pip install .*requirements-export.txt`; or"
    ):
        export([*NAMES, "out"])


def test_a_file_that_differs_from_the_snapshot_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_module, "LARGEST_DIFFERENCE", -1.0)
    with pytest.raises(InputError, match="differs from the snapshot by .* nothing was written"):
        export([*NAMES, "--format", "torch_export", "out"])
    assert not Path("out").exists()
