"""A small set of results on disk, as the stages leave them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from stages.common.artifacts import (
    ABLATION,
    EXTRACTOR,
    POINTS,
    REAL_SCORES,
    SCORES,
    images_file,
    labels_file,
    read_json,
    write_array,
    write_json,
)
from stages.report.build import build_report
from stages.report.model.pictures import Figures, Picture, SampleProgression
from stages.report.model.report import Report
from stages.report.render import write_report
from stages.report.results.all_results import read_results

ROOT = Path(__file__).parents[2]
TRIAL_PROTOCOL = {
    "extractor": "classifier",
    "weights_sha256": "ab" * 32,
    "resize": "none",
    "precision": "float32",
    "feature_dimension": 16,
    "reference_split": "train",
    "reference_count": 40,
    "reference_sha256": "ef" * 32,
    "sample_count": 30,
    "fid_sample_count": 30,
    "splits": 2,
    "shuffle_seed": 0,
    "compared_count": 30,
    "kid_subsets": 10,
    "kid_subset_size": 20,
    "precision_recall_neighbours": 3,
    "density_coverage_neighbours": 3,
    "fid_infinity_points": 0,
}
PROTOCOL = TRIAL_PROTOCOL | {"sample_count": 10, "fid_sample_count": 10}

Scores = dict[str, list[tuple[float, float]]]
"""Inception Score and FID of each point, by trial name."""
Write = Callable[..., None]


@pytest.fixture
def write_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    monkeypatch.chdir(tmp_path)

    def write(
        scores: Scores, diverged: dict[str, int] | None = None, title: str = "A test", channels: int = 1
    ) -> None:
        trials = [name.split("-") for name in scores]
        params = yaml.safe_load((ROOT / "presets/default.yaml").read_text())
        params |= {
            "gans": list(dict.fromkeys(gan for gan, _, _ in trials)),
            "settings_used": list(dict.fromkeys(setting for _, setting, _ in trials)),
            "seeds": list(dict.fromkeys(int(seed) for _, _, seed in trials)),
            "report": {"title": title},
        }
        # Settings that the preset lacks are copies of its setting A.
        params["settings"] = {
            letter: dict(params["settings"]["A"]) for letter in params["settings_used"]
        } | params["settings"]
        Path("params.yaml").write_text(yaml.safe_dump(params))
        _write_shared(channels)
        for name, points in scores.items():
            _write_trial(name, points, (diverged or {}).get(name), channels)

    return write


def _write_shared(channels: int) -> None:
    random = np.random.default_rng(0)
    write_array(images_file("train"), random.integers(0, 256, (40, channels, 8, 8), dtype=np.uint8))
    write_array(labels_file("train"), np.arange(40, dtype=np.int64) % 4)
    write_json(Path("reference/scores.json"), _real_scores())
    card = {"name": "classifier", "title": "a test's", "feature_dimension": 16, "class_count": 4}
    write_json(Path("extractor/card.json"), card | {"test_accuracy": 0.9, "test_count": 10})
    data: dict[str, Any] = {
        "dataset": "digits",
        "sha256": "cd" * 32,
        "homepage": "https://digits.example",
        "image_size": 8,
        "channels": channels,
        "licence": "none",
    }
    data |= {"source": {"kind": "k", "location": "l", "checked": "c"}, "splits": {"train": {"count": 40}}}
    write_json(Path("data/manifest.json"), data)
    _write_ablation()
    counts = {"sample_count": 5, "held_out_count": 10, "train_count": 40, "suspicious_quantile": 0.01}
    write_json(Path("results/neighbours/neighbours.json"), counts | {"trials": {}})


def _write_ablation() -> None:
    """Write scores of distorted real images; two of their FIDs are between those of two GANs, 50 and 70."""
    fids = {"as_they_are": 0.5, "repeated": 60.0, "stretched": 1.5, "resized": 2.5, "together": 65.0}
    rows: list[dict[str, Any]] = [
        {"name": name, "missing": None, "distinct_images": 10, "inception_score": 3.0, "fid": fid}
        for name, fid in fids.items()
    ]
    rows[1]["distinct_images"] = 5
    rows.append({"name": "torchvision", "missing": "a reason"})
    shared = {"protocol": PROTOCOL, "split": "test", "image_count": 10, "resize_size": 64}
    write_json(ABLATION, {"is_enabled": True, **shared, "rows": rows})


def _real_scores() -> dict[str, Any]:
    counts = {"real_split": "train", "real_count": 40, "other_split": "test", "other_count": 10}
    return counts | {
        "inception_score": 3.9,
        "inception_score_deviation": 0.1,
        "fid": 0.5,
        "fid_low": 0.4,
        "fid_high": 0.6,
        "protocol": PROTOCOL,
    }


def _write_trial(
    name: str, points: list[tuple[float, float]], diverged_at: int | None, channels: int
) -> None:
    gan, setting, seed = name.split("-")
    identity = {"gan": gan, "setting": setting, "seed": int(seed), "diverged_at_generator_step": diverged_at}
    steps = [10 * (index + 1) for index in range(len(points))]
    record: dict[str, Any] = identity | {"protocol": TRIAL_PROTOCOL, "points": []}
    for step, (score, fid) in zip(steps, points, strict=True):
        discriminator_steps = step * (5 if gan == "wgan_gp" else 1)
        place = {
            "generator_step": step,
            "discriminator_steps": discriminator_steps,
            "epoch": discriminator_steps / 100,
        }
        values = {
            "inception_score": score,
            "inception_score_deviation": 0.25,
            "fid": fid,
            "fid_standard_error": 0.5,
            "fid_low": fid - 1.0,
            "fid_high": fid + 1.0,
            "distinct_images": 30,
        }
        record["points"].append(place | values)
    write_json(Path("results/evaluate") / name / "points.json", record)
    samples = Path("samples") / name
    grids = [{"generator_step": step, "grid": f"grid_{step:08d}.png"} for step in steps]
    interpolation = "interpolation.png" if grids else None
    write_json(samples / "manifest.json", identity | {"points": grids, "interpolation": interpolation})
    for file in [str(entry["grid"]) for entry in grids] + [interpolation] * bool(interpolation):
        _write_picture(samples / str(file), channels)
    if grids:
        _write_neighbours(name, channels)
    training = Path("results/train") / name
    summary = {"generator_steps": 30, "device": "cpu"}
    write_json(training / "metrics.json", summary | {"threads": 2, "torch": "2"})
    (training / "losses.csv").write_text(
        "generator_step,epoch,discriminator_loss,generator_loss,real_score,fake_score\n1,0.1,0.5,0.7,0,0\n2,0.2,,0.6,0,0\n"
    )


def _write_picture(path: Path, channels: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (16, 24) if channels == 1 else (16, 24, 3)
    Image.fromarray(np.zeros(shape, dtype=np.uint8)).save(path)


def _write_neighbours(name: str, channels: int) -> None:
    """Add a trial to the record of the nearest training images."""
    path = Path("results/neighbours/neighbours.json")
    record = json.loads(path.read_text())
    distances = {"median_distance": 3.0, "held_out_median_distance": 2.0, "suspicious_share": 0.25}
    record["trials"][name] = {"pixels": distances, "features": distances, "picture": f"{name}.png"}
    write_json(path, record)
    _write_picture(path.with_name(f"{name}.png"), channels)


def remove_classes() -> None:
    """Change the results on disk to those of an extractor without classes, which gives no Inception Score."""
    card = {"name": "principal_components", "class_count": None, "test_accuracy": None}
    write_json(EXTRACTOR / "card.json", read_json(EXTRACTOR / "card.json", "") | card)
    for path in (REAL_SCORES, ABLATION, *SCORES.rglob(POINTS)):
        write_json(path, json.loads(path.read_text(), object_hook=_remove_classes))


def _remove_classes(content: dict[str, Any]) -> dict[str, Any]:
    without = {key: None for key in content if key.startswith("inception_score")}
    named = {"extractor": "principal_components"} if "extractor" in content else {}
    return content | without | named


def build() -> Report:
    """Compute the report of the results on disk, with one picture for all figures, so that nothing is plotted."""
    picture = Picture("picture.png", "A caption", "A description")
    _write_picture(Path("report") / picture.file, channels=1)
    return build_report(
        read_results(),
        Figures(
            answer=picture,
            narrow_answer=picture,
            strip=(),
            figure1=picture,
            figure2=picture,
            figure3=picture,
            curves=(picture,),
            losses=picture,
            lipschitz=(),
            real=picture,
            samples=(),
            interpolations=(),
            neighbours=(),
            progression=SampleProgression(seed=0, generator_steps=(), trials=()),
        ),
    )


def write_without_figures() -> Report:
    """Write the report of the results on disk in all formats, without plotting its figures."""
    report = build()
    write_report(report, Path("report"))
    return report


def read_results_file() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(Path("report/results.json").read_text())
    return content
