"""The C_T test of images of one's own: its held-out images, their part in the protocol, and errors where they fail."""

import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from stages.common.errors import InputError
from stages.evaluate import comparison
from stages.evaluate.library import Protocol, ScoreError, score
from stages.evaluate.score_cli import main
from stages.scores.copying_test import compute_copying_test
from stages.scores.extractor import Extractor, load_extractor
from stages.scores.feature_statistics import sample_indices
from stages.scores.image_digest import digest_images
from tests.driving import thread_count_kept
from tests.scores.factories import make_extractor, make_images, write_folder

PROTOCOL = {"splits": 2, "compared_count": 100, "kid_subset_size": 20, "kid_subsets": 5}
OPTIONS = ["--splits", "2", "--compared-count", "100", "--kid-subset-size", "20", "--kid-subsets", "5"]
REAL, FAKE, HELD_OUT = (make_images(count, seed) for seed, count in enumerate((110, 120, 140)))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder with an extractor and three sets of images."""
    monkeypatch.chdir(tmp_path)
    make_extractor()
    for name, images in (("real", REAL), ("fake", FAKE), ("held_out", HELD_OUT)):
        np.save(f"{name}.npy", images)


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> Any:
    base = ["evaluate", "--real", "real.npy", "--fake", "fake.npy", "--json", "out.json", *OPTIONS]
    monkeypatch.setattr(sys, "argv", [*base, *words])
    with thread_count_kept():
        main()
    return json.loads(Path("out.json").read_text())


def test_c_t_is_that_of_the_features_of_the_three_sets() -> None:
    result = score(REAL, FAKE, held_out=HELD_OUT, extra=["ct"], protocol=PROTOCOL, in_order=True)
    extractor = load_extractor(torch.device("cpu"))
    sampled = HELD_OUT[sample_indices(140, 100, 0)]
    compared = REAL[sample_indices(110, 100, 0)], sampled, FAKE[:100]
    train, held_out, fake = (np.concatenate([part for part, _ in extractor.extract(one)]) for one in compared)
    expected = compute_copying_test(train, held_out, fake, seed=0)
    assert (result["ct"].value, result.values["ct_null_deviation"]) == tuple(expected)
    assert result.protocol.held_out_sha256 == digest_images(sampled)
    without = score(REAL, FAKE, protocol=PROTOCOL, in_order=True)
    assert {name: result.values[name] for name in without.values} == dict(without.values)


def test_the_command_and_the_function_agree_wherever_held_out_images_come_from(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--extra", "ct", "authenticity", "--held-out"]
    record = run(monkeypatch, *words, "held_out.npy", "--html", "page.html", "--markdown", "table.md")
    write_folder(Path("files"), HELD_OUT)
    assert run(monkeypatch, *words, "files")["protocol"] == record["protocol"]
    position = iter(range(0, 140, 100))
    sources: tuple[Any, ...] = (
        "held_out.npy",
        torch.from_numpy(HELD_OUT),
        iter([HELD_OUT[:70], HELD_OUT[70:]]),
    )
    for held_out in sources:
        result = score(
            "real.npy", "fake.npy", held_out=held_out, extra=("ct", "authenticity"), protocol=PROTOCOL
        )
        assert dict(result.values) == {name: record[name] for name in result.values}
    drawn = score(
        REAL, FAKE, held_out=lambda count: HELD_OUT[next(position) :][:count], extra=["ct"], protocol=PROTOCOL
    )
    assert drawn.protocol.held_out_sha256 == digest_images(HELD_OUT[:100])
    assert "without copying it is 0 ± " in capsys.readouterr().out
    assert "Authenticity" in Path("page.html").read_text() and "held_out.npy" in Path("page.html").read_text()
    assert "Authenticity" in Path("table.md").read_text()


def test_earlier_scores_with_held_out_images_join_those_with_the_same_ones_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    earlier = run(monkeypatch, "--extra", "ct", "--held-out", "held_out.npy")
    Path("out.json").rename("earlier.json")
    np.save("third.npy", make_images(120, seed=7))
    words = ["--fake", "third.npy", "--with", "earlier.json", "--sort", "kid"]
    assert earlier in run(monkeypatch, *words, "--extra", "ct", "--held-out", "held_out.npy")["results"]
    np.save("others.npy", make_images(140, seed=9))
    for others in (["--extra", "ct", "--held-out", "others.npy"], ["--extra"]):
        with pytest.raises(
            InputError, match="not comparable: held_out_sha256 is .* in one and .* in the other"
        ):
            run(monkeypatch, *words, *others)


def test_the_protocol_of_a_result_with_c_t_asks_for_held_out_images_again() -> None:
    first = score(REAL, FAKE, held_out=HELD_OUT, extra=["ct"], protocol=PROTOCOL)
    again = score(REAL, FAKE, held_out=HELD_OUT, protocol=first.protocol)
    assert dict(again.values) == dict(first.values)
    with pytest.raises(
        ScoreError, match="^the score ct compares with held-out images, and held_out is missing"
    ):
        score(REAL, FAKE, protocol=first.protocol)
    other = Protocol.model_validate(first.protocol.model_dump() | {"held_out_sha256": "0"})
    with pytest.raises(ScoreError, match="not comparable: held_out_sha256 is "):
        score(REAL, FAKE, held_out=HELD_OUT, protocol=other)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no held-out images": (
        {"held_out": None},
        "held_out is missing; name real images that no generator was .* 60",
    ),
    "no score that needs them": ({"extra": []}, "^held_out is given, but only the score ct compares with"),
    "few": (
        {"held_out": HELD_OUT[:59]},
        "^held_out: 59 images, but the score ct needs 60 held-out images or more",
    ),
    "few that are compared": (
        {"protocol": PROTOCOL | {"compared_count": 59}},
        "compared_count = 59 is too few for ct of extra, which needs 60",
    ),
    "the real images": ({"held_out": REAL}, "held_out and real hold the same images: 100 distinct ones"),
    "the scored images": (
        {"held_out": FAKE[::-1]},
        "fake and held_out hold the same images: .* distinct ones",
    ),
    "the file of real images": (
        {"real": "real.npy", "held_out": "real.npy"},
        "held_out real.npy and real .* share files",
    ),
    "other sizes": (
        {"held_out": HELD_OUT[:, :, :7]},
        "real holds images of 8 x 8 pixels and held_out of 7 x 8",
    ),
    "colour": ({"held_out": make_images(100, 5, (3, 8, 8))}, r"of held_out is in colour"),
    "a number": ({"held_out": 3}, "^held_out is a int; expected an array"),
    "no such file": ({"held_out": "nowhere"}, "^held_out nowhere: there is no such file or folder"),
    "a word": ({"extra": "ct"}, "scores.extra = 'ct': input should be a valid list"),
    "an unknown score": ({"extra": ["fls"]}, "scores.extra.0 = 'fls'"),
    "classes": ({"extra": ["intra_fid"]}, "the score intra_fid needs the class of every image"),
    "another extractor": ({"extra": ["cmmd"]}, "names cmmd, which is defined for the features of clip"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_with_held_out_images_is_one_error(case: str) -> None:
    options, message = WRONG[case]
    given: dict[str, Any] = {
        "real": REAL,
        "held_out": HELD_OUT,
        "extra": ["ct"],
        "protocol": PROTOCOL,
    } | options
    with pytest.raises(ScoreError, match=message) as caught:
        score(given.pop("real"), FAKE, **given)
    assert "--" not in str(caught.value)


def _link_folder() -> None:
    write_folder(Path("images"), HELD_OUT)
    Path("linked").symlink_to("images")


def _nest_folder() -> None:
    Path("images").mkdir()
    write_folder(Path("images/samples"), FAKE)
    write_folder(Path("images/real"), HELD_OUT)


def _link_files() -> None:
    write_folder(Path("images"), HELD_OUT)
    write_folder(Path("others"), FAKE)
    os.link("images/0003.png", "others/x.png")


SHARED_FILES: dict[str, tuple[Callable[[], object], str, str, str]] = {
    "the scored array": (lambda: None, "real.npy", "fake.npy", "fake.npy"),
    "the real array": (lambda: None, "real.npy", "fake.npy", "real.npy"),
    "the scored array by a link": (
        lambda: Path("x.npy").symlink_to("fake.npy"),
        "real.npy",
        "x.npy",
        "fake.npy",
    ),
    "the real array by a hard link": (lambda: os.link("real.npy", "x.npy"), "real.npy", "fake.npy", "x.npy"),
    "the scored folder by a link": (_link_folder, "real.npy", "linked", "images"),
    "a folder around the scored one": (_nest_folder, "real.npy", "images/samples", "images"),
    "a folder within the scored one": (_nest_folder, "real.npy", "images", "images/real"),
    "a folder within the real one": (_nest_folder, "images", "fake.npy", "images/samples"),
    "a folder with one real file": (_link_files, "others", "fake.npy", "images"),
}


@pytest.mark.parametrize("case", SHARED_FILES)
def test_sets_that_share_a_file_are_refused_before_the_network_is_looked_for(
    monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    make, real, fake, held_out = SHARED_FILES[case]
    make()
    words = ("--extra", "ct", "--held-out", held_out, "--extractor", "nowhere")
    with pytest.raises(InputError, match=r"^--.* share files: \d+ of the \d+ of "):
        run(monkeypatch, "--real", real, "--fake", fake, *words)
    with pytest.raises(ScoreError, match=r" share files: \d+ of the \d+ of "):
        score(real, fake, held_out=Path(held_out), extra=["ct"], extractor="nowhere")


def _refuse_features(*_: object) -> None:
    raise AssertionError("features are taken")


@pytest.mark.parametrize(
    ("fake", "held_out"), [(FAKE, FAKE), (FAKE, FAKE[20:]), (HELD_OUT[:110], HELD_OUT[::-1])]
)
def test_arrays_that_are_scored_and_held_out_are_refused_before_features_are_taken(
    monkeypatch: pytest.MonkeyPatch, fake: NDArray[np.uint8], held_out: NDArray[np.uint8]
) -> None:
    monkeypatch.setattr(Extractor, "extract", _refuse_features)
    with pytest.raises(ScoreError, match="fake and held_out hold the same images"):
        score(REAL, fake, held_out=held_out, extra=["ct"], protocol=PROTOCOL)
    np.save("fake.npy", fake)
    np.save("copy.npy", held_out)
    with pytest.raises(InputError, match="hold the same images|are copies"):
        run(monkeypatch, "--extra", "ct", "--held-out", "copy.npy")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--extra ct", "--held-out is missing; name real images"),
        ("--held-out held_out.npy", "^--held-out is given, .* add ct to --extra"),
        ("--extra ct --held-out nowhere", "^--held-out nowhere: there is no such file"),
        ("--extra cmmd", "cmmd, which is defined for the features of clip"),
        ("--extra ct ct --held-out held_out.npy", "extra names ct more than once"),
        ("--extra fls", "scores.extra.0 = 'fls'"),
        ("--extra ct --held-out held_out.npy --sort ct", "argument --sort: ct is unknown"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_computed(
    words: str, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(comparison, "load_or_extract_reference", None)
    with pytest.raises((InputError, SystemExit)) as caught:
        run(monkeypatch, *words.split())
    text = str(caught.value) + capsys.readouterr().err
    assert re.search(message, text)
    assert not Path("out.json").exists()


@pytest.mark.parametrize("pair", [("real", "held_out"), ("fake", "held_out"), ("real", "fake")])
def test_the_same_images_in_files_of_another_format_are_refused_before_the_network_computes(
    pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Extractor, images: object) -> None:
        raise AssertionError("the network computes")

    monkeypatch.setattr(Extractor, "extract", fail)
    sets = {"real": REAL, "fake": FAKE, "held_out": HELD_OUT}
    sets[pair[1]] = sets[pair[0]]
    for name, images in sets.items():
        write_folder(Path(name), images)
    for path in Path(pair[1]).iterdir():
        Image.open(path).save(path.with_suffix(".bmp"))
        path.unlink()
    with pytest.raises(
        ScoreError, match=f"{pair[1]} and .*{pair[0]}.* hold the same images|{pair[0]} and .*same"
    ):
        score("real", "fake", held_out="held_out", extra=["ct"], protocol=PROTOCOL)
