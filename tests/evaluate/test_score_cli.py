"""`python -m stages.evaluate --real --fake`: any images, with or without the pipeline."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from benchmarks.inception_weights import make_weights
from stages.common.artifacts import hash_file, images_file, write_array
from stages.evaluate import comparison, reference_cache
from stages.evaluate.arguments import parse_arguments
from stages.evaluate.extractor_choice import ExtractorChoice, load_chosen_extractor
from stages.evaluate.score_cli import main
from stages.images.image_sets import ImageSet
from stages.scores.extractor import load_extractor
from stages.scores.extractors import inception
from stages.scores.feature_statistics import extract_statistics
from stages.scores.image_digest import digest_images
from stages.scores.protocol import Protocol, list_differences
from stages.scores.reference_statistics import FEATURES, MOMENTS, ReferenceStatistics, extract_reference
from stages.scores.scorer import Scorer
from tests.driving import thread_count_kept
from tests.scores.factories import make_extractor, make_images, write_folder

OPTIONS = ["--splits", "2", "--compared-count", "50", "--kid-subset-size", "20", "--kid-subsets", "5"]
ROOT = Path(__file__).parents[2]
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder outside the repository, with an extractor, real images and images to score."""
    monkeypatch.chdir(tmp_path)
    make_extractor()
    np.save("real.npy", make_images(80))
    np.save("fake.npy", make_images(60, seed=1))
    return tmp_path


def score(monkeypatch: pytest.MonkeyPatch, *words: str) -> dict[str, Any]:
    """Run the command, and return the JSON that it writes."""
    monkeypatch.setattr(sys, "argv", ["evaluate", *OPTIONS, "--json", "scores.json", *words])
    with thread_count_kept():
        main()
    content: dict[str, Any] = json.loads(Path("scores.json").read_text())
    return content


def score_arrays(monkeypatch: pytest.MonkeyPatch, *words: str) -> dict[str, Any]:
    return score(monkeypatch, "--real", "real.npy", "--fake", "fake.npy", *words)


def test_outside_the_repository_json_goes_to_standard_output_and_the_table_to_standard_error(
    folder: Path,
) -> None:
    command = [sys.executable, "-m", "stages.evaluate", "--real", "real.npy", "--fake", "fake.npy"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, *OPTIONS, "--json", "-"], env=environment, capture_output=True, text=True, check=True
    )
    record = json.loads(done.stdout)
    assert record["protocol_digest"] == Protocol.model_validate(record["protocol"]).digest
    assert f"{record['fid']:.3f} ± {record['fid_standard_error']:.3f}" in done.stderr
    assert "reference_count               80" in done.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["extractor", "fake.npy", "real.npy"]


def test_images_in_order_have_the_same_scores_as_in_the_stage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    record = score_arrays(monkeypatch, "--in-order")
    params = parse_arguments(["--real", "real.npy", "--fake", "fake.npy", *OPTIONS]).params
    extractor = load_extractor(CPU)
    scorer = Scorer(extract_reference(np.load("real.npy"), extractor, params, "train"), params)
    scores = scorer.score(extract_statistics(np.load("fake.npy"), extractor, params, "fake"))
    assert scores == {name: record[name] for name in scores}


def test_image_files_and_either_layout_score_as_the_array_does(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = score_arrays(monkeypatch)
    write_folder(Path("files"), np.load("fake.npy"))
    np.savez("fake.npz", labels=np.zeros(60), images=np.load("fake.npy").transpose(0, 2, 3, 1))
    shutil.make_archive("packed", "zip", "files")
    for fake in ("files", "packed.zip", "fake.npz", "fake.npz:images"):
        record = score(monkeypatch, "--real", "real.npy", "--fake", fake)
        assert {**record, "fake": "fake.npy"} == expected


def test_floats_of_a_named_range_score_as_the_pixels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected, pixels = score_arrays(monkeypatch), np.load("fake.npy")
    for name, floats in (("unit", pixels / 255), ("symmetric", pixels.astype(np.float32) / 127.5 - 1)):
        np.save("floats.npy", floats)
        record = score(monkeypatch, "--real", "real.npy", "--fake", "floats.npy", "--floats", name)
        assert record["fid"] == expected["fid"]


def test_a_sorted_folder_is_shuffled(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seed in (("sorted.npy", 0), ("others.npy", 3)):
        np.save(name, np.concatenate([make_images(60, seed) // 8, make_images(60, seed + 2)]))
    mixed = score(monkeypatch, "--real", "others.npy", "--fake", "sorted.npy")
    first = score(monkeypatch, "--real", "others.npy", "--fake", "sorted.npy", "--in-order")
    # The first 50 images in their order are all dark.
    assert mixed["recall"] > 0.8 > first["recall"]


def test_a_prepared_split_is_named_train_or_test(monkeypatch: pytest.MonkeyPatch) -> None:
    write_array(images_file("train"), np.load("real.npy"))
    record = score(monkeypatch, "--real", "train", "--fake", "fake.npy")
    assert record["protocol"]["reference_split"] == "train"
    assert record["fid"] == score_arrays(monkeypatch)["fid"]


def test_the_protocol_knows_the_real_images_by_their_content(monkeypatch: pytest.MonkeyPatch) -> None:
    protocol = score_arrays(monkeypatch)["protocol"]
    assert protocol["reference_sha256"] == digest_images(np.load("real.npy"))
    write_folder(Path("files"), np.load("real.npy"))
    same = score(monkeypatch, "--real", "files", "--fake", "fake.npy")["protocol"]
    np.save("others.npy", make_images(80, seed=5))
    other = score(monkeypatch, "--real", "others.npy", "--fake", "fake.npy")["protocol"]
    assert list_differences(protocol, same) == []
    assert [line.split()[0] for line in list_differences(protocol, other)] == ["reference_sha256"]


def test_the_same_images_on_both_sides_are_refused_and_a_few_are_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match="real.npy and --real real.npy share files"):
        score(monkeypatch, "--real", "real.npy", "--fake", "real.npy")
    np.save("copy.npy", np.load("real.npy"))
    write_folder(Path("files"), np.load("real.npy"))
    for fake in ("copy.npy", "files"):
        with pytest.raises(ValueError, match="hold the same images: 80 distinct ones are in both"):
            score(monkeypatch, "--real", "real.npy", "--fake", fake)
    assert not Path("scores.json").exists()
    np.save("mixed.npy", np.concatenate([np.load("real.npy")[:3], np.load("fake.npy")]))
    assert score(monkeypatch, "--real", "real.npy", "--fake", "mixed.npy")["shared_images"] == 3
    assert "3 of them are, to the pixel, among the real images." in capsys.readouterr().out


def test_repeated_images_are_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save("repeated.npy", np.tile(make_images(5, seed=1), (12, 1, 1, 1)))
    assert score(monkeypatch, "--real", "real.npy", "--fake", "repeated.npy")["distinct_images"] == 5
    assert "Some images occur more than once" in capsys.readouterr().out


def test_counts_and_a_resize_are_part_of_the_protocol(monkeypatch: pytest.MonkeyPatch) -> None:
    write_folder(Path("large"), make_images(60, shape=(1, 12, 16)))
    words = ["--resize", "8", "--real-count", "70", "--fake-count", "55", "--seed", "3"]
    protocol = score(monkeypatch, "--real", "real.npy", "--fake", "large", *words)["protocol"]
    assert (protocol["reference_count"], protocol["sample_count"], protocol["shuffle_seed"]) == (70, 55, 3)
    assert "Lanczos" in protocol["resize"] and "to 8 pixels" in protocol["resize"]


def test_params_yaml_of_the_folder_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    assert score_arrays(monkeypatch)["params"].endswith("presets/default.yaml")
    default = (ROOT / "presets/default.yaml").read_text()
    Path("params.yaml").write_text(
        default.replace("precision_recall_neighbours: 3", "precision_recall_neighbours: 4")
    )
    record = score_arrays(monkeypatch)
    assert (record["params"], record["protocol"]["precision_recall_neighbours"]) == ("params.yaml", 4)


def write_wrong_inputs() -> None:
    write_folder(Path("mixed"), make_images(60))
    write_folder(Path("other"), make_images(1, shape=(3, 9, 8)))
    Path("other/0000.png").rename("mixed/odd.png")
    write_folder(Path("broken"), make_images(2))
    Path("broken/0001.png").write_bytes(b"no picture")
    Path("empty").mkdir()
    Path("pipes").mkdir()
    os.mkfifo("pipe")
    os.mkfifo("pipes/x.png")
    Path("words.txt").touch()
    np.save("few.npy", make_images(6))
    np.save("some.npy", make_images(49))
    np.save("large.npy", make_images(60, shape=(1, 12, 12)))
    np.save("colour.npy", make_images(60, shape=(3, 8, 8)))
    np.save("floats.npy", np.linspace(-1, 1, 60 * 64).reshape(60, 1, 8, 8))
    np.save("objects.npy", np.array([{}, {}]), allow_pickle=True)
    np.save("integers.npy", np.zeros((60, 1, 8, 8), dtype=np.int64))
    np.save("either.npy", np.zeros((60, 3, 8, 3), dtype=np.uint8))
    np.save("neither.npy", np.zeros((60, 4, 8, 8), dtype=np.uint8))
    np.save("flat.npy", np.zeros((60, 64), dtype=np.uint8))
    np.savez("several.npz", first=np.zeros((2, 4, 4)), second=np.zeros((2, 4, 4)))
    save_file({"cls_token": torch.zeros(1, 1, 4)}, "few.safetensors")
    Path("cut.npz").write_bytes(b"PK\3\4")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "--fake nowhere",
            "--fake nowhere: there is no such file or folder; expected a folder of images, .zip, .npy,",
        ),
        ("--fake words.txt", "--fake words.txt is neither a folder nor a zip nor an array file"),
        ("--fake test", "--fake test is the prepared split, but data/prepared/test_images.npy is missing"),
        ("--fake empty", "empty holds no images in any of JPEG"),
        (
            "--fake broken",
            r"broken: 1 of 2 files cannot be read; .*:\n  - broken/0001.png: not an image in any of JPEG",
        ),
        (
            "--fake mixed",
            r"--resize N crops all .* mixed/0000.png is 8 x 8, but:\n  - mixed/odd.png is 9 x 8",
        ),
        ("--fake few.npy", "few.npy: 6 images, but FID with the classifier's 6 features needs 7 or more"),
        ("--fake some.npy", "49 images are fewer than the 50 .*--compared-count 49 --kid-subset-size 20"),
        ("--fake-count 61", "--fake-count 61: fake.npy holds only 60 images"),
        ("--resize 0", "--resize 0: expected 1 or more"),
        ("--splits 70", "fake.npy: 60 images cannot be divided into 70 splits; lower --splits"),
        ("--splits 0", "scores.splits = 0: input should be greater than or equal to 1"),
        ("--threads 0", "options.threads = 0: input should be greater than or equal to 1"),
        ("--fake large.npy", "real.npy holds images of 8 x 8 pixels and large.npy of 12 x 12: resizing only"),
        (
            "--fake colour.npy",
            r"accepts grey images, but image \d+ \(counted from 0\) of colour.npy is in colour",
        ),
        ("--fake pipe", "pipe: it is a named pipe and not a file"),
        ("--fake /dev/zero", "/dev/zero: it is a device and not a file"),
        ("--fake pipes", "pipes/x.png: a named pipe and not a file"),
        ("--fake floats.npy", r"float64 from -1 to 1, expected uint8 .*--floats unit for \[0, 1\]"),
        (
            "--fake floats.npy --floats unit",
            r"image 0 \(counted from 0\) spans -1 to -0.96.*outside \[0, 1\]",
        ),
        ("--fake objects.npy", "objects.npy holds Python objects, that is, a pickle, .* never loaded"),
        ("--fake integers.npy", r"integers.npy holds int64, expected uint8 in 0..255"),
        ("--fake either.npy", r"\[60, 3, 8, 3\], which is ambiguous; use --layout NHWC or NCHW"),
        ("--fake neither.npy", "the axis of channels in the layout auto has neither"),
        (
            "--fake flat.npy",
            r"flat.npy holds no images, but uint8 \[60, 64\], which .*; expected \[N, H, W, C\]",
        ),
        (
            "--fake several.npz",
            r"several.npz holds several arrays: first float64 \[2, 4, 4\], second .*; name one as several.npz:first",
        ),
        (
            "--fake several.npz:third",
            r"several.npz holds no array 'third'; there is first float64 \[2, 4, 4\], second",
        ),
        ("--fake cut.npz", "cut.npz is damaged or no .npz file"),
        (
            "--extractor vgg",
            "--extractor vgg is unknown: neither a folder, .* nor one of clip, dinov2, inception",
        ),
        ("--extractor empty", "empty/card.json is missing; make it with `dvc repro extractor`"),
        ("--extractor inception", "--extractor inception needs --weights FILE"),
        ("--extractor inception --weights none.pth", "--weights = 'none.pth' does not exist"),
        (
            "--extractor inception --weights words.txt",
            "words.txt has the sha256 e3b0c442.*, expected 6726825d",
        ),
        ("--weights words.txt", "--weights goes with --extractor clip, dinov2, inception"),
        ("--weights-sha256 0", "--weights-sha256 goes with --extractor clip, dinov2, inception"),
        (
            "--extractor-options model=vits14",
            "--extractor-options goes with --extractor clip, dinov2, inception",
        ),
        ("--extractor dinov", r"--extractor dinov is unknown \(did you mean dinov2\?\): neither a folder"),
        ("--extractor classifier", "--extractor classifier is made of prepared images, .*name the folder"),
        ("--extractor principal_components", "--extractor principal_components is made of prepared images"),
        ("--extractor clip", "--extractor clip needs --weights FILE"),
        ("--extractor dinov2", "--extractor dinov2 needs --weights FILE"),
        ("--extractor clip --weights none.pt", "--weights = 'none.pt' does not exist"),
        ("--extractor dinov2 --weights words.txt", "words.txt holds no weights that can be read safely"),
        ("--extractor dinov2 --weights real.npy", "real.npy holds no weights that can be read safely"),
        (
            f"--extractor clip --weights words.txt --weights-sha256 {'0' * 64}",
            f"words.txt has the sha256 e3b0c442.*, expected {'0' * 64}",
        ),
        ("--extractor clip --weights words.txt --weights-sha256 abc", "extractor.clip.sha256 = 'abc'"),
        (
            "--extractor inception --weights words.txt --weights-sha256 abc",
            "--weights-sha256: the checksum of inception's weights is known",
        ),
        (
            "--extractor dinov2 --weights few.safetensors",
            "few.safetensors .*DINOv2 vitl14",
        ),
        (
            "--extractor dinov2 --weights words.txt --extractor-options model=vith14 image_size=8",
            r"with --extractor-options has 2 faults:\n.*dinov2.model = 'vith14'.*\n.*dinov2.image_size = 8",
        ),
        (
            "--extractor dinov2 --weights words.txt --extractor-options side=224",
            "with --extractor-options has 1 fault:\n.*dinov2.side is unknown",
        ),
        ("--extractor clip --extractor-options resize", "--extractor-options resize: expected KEY=VALUE"),
        ("--extractor clip --extractor-options a=[", r"--extractor-options a=\[: it is not valid YAML"),
        (
            "--extractor dinov2 --weights words.txt --precision bfloat16",
            "the dinov2 computes in float32 only",
        ),
        ("--precision bfloat16", "--precision bfloat16: the classifier computes in float32 only"),
    ],
)
def test_a_wrong_argument_is_named_with_a_remedy(
    monkeypatch: pytest.MonkeyPatch, words: str, message: str
) -> None:
    write_wrong_inputs()
    with pytest.raises(ValueError, match=message):
        score_arrays(monkeypatch, *words.split())
    assert not Path("scores.json").exists()


def test_an_image_file_whose_features_are_not_finite_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    write_folder(Path("files"), make_images(80))
    make_extractor(scale=float("inf"))
    with pytest.raises(ValueError, match=r"output for files/00\d\d.png is not finite"):
        score(monkeypatch, "--real", "files", "--fake", "fake.npy")


def test_grey_files_among_colour_files_are_read_as_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    write_folder(Path("files"), make_images(60))
    write_folder(Path("coloured"), make_images(1, shape=(3, 8, 8)))
    Path("coloured/0000.png").rename("files/coloured.png")
    with pytest.raises(ValueError, match=r"accepts grey images, but files/coloured.png is in colour"):
        score(monkeypatch, "--real", "real.npy", "--fake", "files")


@pytest.mark.parametrize("kind", ["folder", "array"])
def test_grey_images_that_were_saved_as_rgb_score_as_grey_ones(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    expected = score_arrays(monkeypatch)
    fake = np.repeat(np.load("fake.npy"), 3, axis=1)
    if kind == "folder":
        write_folder(Path("rgb"), fake)
    else:
        np.save("rgb.npy", fake)
    record = score(monkeypatch, "--real", "real.npy", "--fake", "rgb" if kind == "folder" else "rgb.npy")
    assert record["fid"] == expected["fid"]
    assert (record["image_shape"], record["distinct_images"]) == ([1, 8, 8], 60)


def test_all_unreadable_files_are_named_before_anything_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    write_folder(Path("files"), make_images(80, seed=3))
    for number in range(0, 60, 2):
        path = Path(f"files/{number:04d}.png")
        path.write_bytes(path.read_bytes()[:-30])
    monkeypatch.setattr(comparison, "load_or_extract_reference", None)
    with pytest.raises(ValueError, match=r"files: 30 of 80 files cannot be read(.|\n)*and 10 more") as caught:
        score(monkeypatch, "--real", "real.npy", "--fake", "files")
    assert str(caught.value).count("\n  - files/") == 20


def test_names_that_are_not_utf8_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(os.fsdecode(b"f\xe9e"))
    write_folder(folder, make_images(60, seed=3))
    (folder / "0000.png").rename(folder / os.fsdecode(b"\xe9t\xe9.png"))
    record = score(monkeypatch, "--real", "real.npy", "--fake", str(folder))
    assert record["fake"] == r"f\xe9e"


def test_folders_below_are_read_through_links(monkeypatch: pytest.MonkeyPatch) -> None:
    write_folder(Path("below"), make_images(60, seed=3))
    Path("above").mkdir()
    Path("above/link").symlink_to("../below")
    direct = score(monkeypatch, "--real", "real.npy", "--fake", "below")
    assert score(monkeypatch, "--real", "real.npy", "--fake", "above")["fid"] == direct["fid"]


@pytest.mark.slow
def test_the_published_weights_are_loaded_as_an_extractor(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save(make_weights(), "published.pth")
    monkeypatch.setattr(inception, "SHA256", hash_file(Path("published.pth")))
    extractor = load_chosen_extractor(ExtractorChoice("inception", Path("published.pth"), "bfloat16"), CPU)
    features, logits = next(iter(extractor.extract(make_images(2, shape=(3, 32, 32)))))
    assert extractor.card.precision == "bfloat16"
    assert (features.shape, logits.shape) == ((2, 2048), (2, 1008))


def test_a_protocol_sets_the_numbers_of_images_and_options_override_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(ValueError, match="--protocol miyato asks for 10000: real.npy holds only 80 images"):
        score_arrays(monkeypatch, "--protocol", "miyato")
    counts = ["--real-count", "80", "--fake-count", "60"]
    with pytest.raises(ValueError, match="60 images are fewer than scores.fid_sample_count = 5000"):
        score_arrays(monkeypatch, "--protocol", "miyato", *counts)
    assert score_arrays(monkeypatch, "--protocol", "field", *counts)["protocol"]["splits"] == 2


def test_statistics_of_real_images_are_extracted_once_and_cached(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = score_arrays(monkeypatch)
    extracted: list[int] = []

    def count_and_extract(images: ImageSet, *rest: Any) -> ReferenceStatistics:
        extracted.append(len(images))
        return extract_reference(images, *rest)

    monkeypatch.setattr(reference_cache, "extract_reference", count_and_extract)
    records = [score_arrays(monkeypatch, "--cache", "cache") for _ in range(2)]
    assert records == [plain, plain]
    assert extracted == [80]
    assert "real real.npy: statistics read from cache/" in capsys.readouterr().out
    # Features are extracted again for other images, another choice of compared images, and another extractor.
    np.save("others.npy", make_images(80, seed=2))
    score(monkeypatch, "--real", "others.npy", "--fake", "fake.npy", "--cache", "cache")
    score_arrays(monkeypatch, "--cache", "cache", "--seed", "1")
    make_extractor(Path("another"), scale=2.0)
    score_arrays(monkeypatch, "--cache", "cache", "--extractor", "another")
    assert extracted == [80] * 4


def test_a_damaged_cache_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = score_arrays(monkeypatch, "--cache", "cache")
    for name in (FEATURES, MOMENTS):
        (path,) = Path("cache").glob(f"*/{name}")
        path.write_bytes(path.read_bytes()[:-1])
        assert score_arrays(monkeypatch, "--cache", "cache") == plain
        assert score_arrays(monkeypatch, "--cache", "cache") == plain


def test_an_output_that_would_replace_images_or_another_output_is_refused_and_nothing_is_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    os.link("fake.npy", "linked.npy")
    write_folder(Path("folder"), make_images(60, seed=1))
    before = {path: path.read_bytes() for path in Path().rglob("*.*") if path.is_file()}
    for words, message in (
        (
            ["--json", "fake.npy"],
            "--json fake.npy is a file of the images of --fake fake.npy, which it would replace",
        ),
        (["--html", "./real.npy"], "--html real.npy is a file of the images of --real real.npy"),
        (["--markdown", "linked.npy"], "--markdown linked.npy is a file of the images of --fake fake.npy"),
        (
            ["--fake", "folder", "--html", "folder/0003.png"],
            "--html folder/0003.png is a file of the images of",
        ),
        (["--json", "x.html", "--html", "./x.html"], "--json and --html both name x.html; name two files"),
    ):
        with pytest.raises(ValueError, match=message):
            score_arrays(monkeypatch, *words)
    assert {path: path.read_bytes() for path in Path().rglob("*.*") if path.is_file()} == before


@pytest.mark.parametrize("option", ["--json", "--html", "--markdown"])
def test_an_output_that_is_no_file_is_refused_and_left_as_it_is(
    option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo("pipe")
    Path("device").symlink_to("/dev/null")
    for name, kind in (("pipe", "a named pipe"), ("device", "a device")):
        with pytest.raises(ValueError, match=f"{name}: it is {kind} and not a file"):
            score_arrays(monkeypatch, option, name)
    assert Path("pipe").is_fifo() and Path("device").is_symlink()


def test_the_home_folder_of_an_unknown_user_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for words in (["--fake", "~nobody9/x"], ["--cache", "~nobody9/x"], ["--extractor", "~nobody9/x"]):
        with pytest.raises(ValueError, match="~nobody9/x: the system knows no such user's home folder"):
            score_arrays(monkeypatch, *words)


def test_a_params_file_that_is_a_broken_link_is_not_taken_for_none(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("params.yaml").symlink_to("nowhere")
    with pytest.raises(ValueError, match="it is a link to nowhere, which is missing; remove the link"):
        score_arrays(monkeypatch)


@pytest.mark.parametrize("name", ["card.json", "weights.safetensors"])
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: Path(path).symlink_to("/dev/zero")])
def test_a_file_of_an_extractor_that_is_no_file_is_named(
    name: str, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_extractor(Path("other"))
    Path("other", name).unlink()
    make(f"other/{name}")
    with pytest.raises((ValueError, OSError), match=rf"other/{name}.*it is a .* and not a file"):
        score_arrays(monkeypatch, "--extractor", "other")


def test_a_pipe_in_the_cache_is_replaced_by_new_statistics_or_named(monkeypatch: pytest.MonkeyPatch) -> None:
    score_arrays(monkeypatch, "--cache", "cache")
    (moments,) = Path("cache").rglob(MOMENTS)
    moments.unlink()
    os.mkfifo(moments)
    with pytest.raises(ValueError, match=f"{MOMENTS}: it is a named pipe and not a file"):
        score_arrays(monkeypatch, "--cache", "cache")


def test_earlier_scores_that_are_nested_too_deep_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("deep.json").write_text('{"a":' * 100_000)
    with pytest.raises(ValueError, match="--with deep.json is no file of scores that --json wrote"):
        score_arrays(monkeypatch, "--with", "deep.json")
