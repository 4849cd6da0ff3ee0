"""An array file without images, or with images of an unexpected form, gives one message with its name and content."""

import io
import os
import pickle
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages.common.errors import InputError
from stages.images.image_arrays import Floats
from stages.images.image_sets import ReadOptions, open_images

READING = ReadOptions("auto", "refuse", None)
IMAGES = np.arange(5 * 4 * 4 * 3, dtype=np.uint8).reshape(5, 4, 4, 3)
D = 16


class Runs:
    """Runs code when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("executed"),)


def npy(array: np.ndarray[Any, Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def npz(*arrays: np.ndarray[Any, Any], **named: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, *arrays, **named)
    return file.getvalue()


def add_member(content: bytes, name: str, member: bytes) -> bytes:
    file = io.BytesIO(content)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(name, member)
    return file.getvalue()


def npz_compressed(**named: Any) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **named)
    return file.getvalue()


def spoil(content: bytes) -> bytes:
    """Change some bytes in the middle."""
    middle = len(content) // 2
    return (
        content[:middle] + bytes(255 - byte for byte in content[middle : middle + 8]) + content[middle + 8 :]
    )


def reshape(content: bytes, shape: str) -> bytes:
    """Change the shape that the header of an array claims."""
    start = content.index(b"(5, 4, 4, 3)")
    end = content.index(b"\n")
    header = content[start:end].replace(b"(5, 4, 4, 3)", shape.encode())
    return content[:start] + header[: end - start].ljust(end - start) + content[end:]


def claim_header(text: bytes) -> bytes:
    """Make a .npy file whose header is some text."""
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


def repeat_member(*names: str) -> bytes:
    """Make a .npz file of members with these names."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number, name in enumerate(names):
            archive.writestr(name, npy(IMAGES + number))
    return file.getvalue()


NOISE = np.random.default_rng(0).integers(0, 256, (50, 4, 4), dtype=np.uint8)
OBJECTS = np.array([Runs(), Runs()], dtype=object)
STATISTICS = "a mean and a covariance, the statistics of features"

WRONG = {
    # Statistics and features, as other programs save them.
    "pytorch-fid.npz": (npz(mu=np.zeros(D), sigma=np.eye(D)), STATISTICS),
    "by position.npz": (npz(np.zeros(D), np.eye(D)), STATISTICS),
    "precomputed.npz": (
        npz(mu=np.zeros(D), sigma=np.eye(D), mu_s=np.zeros(9), sigma_s=np.eye(9)),
        STATISTICS,
    ),
    "other names.npz": (npz(mean=np.zeros(D), cov=np.eye(D), n=np.array(50_000)), STATISTICS),
    "representations.npz": (
        npz(model=np.array("dinov2"), reps=np.zeros((50, D))),
        r"reps float64 \[50, 16\]",
    ),
    "one feature file.npz": (
        npz(feats=np.zeros((50, D))),
        r"feats float64 \[50, 16\], which may be features",
    ),
    "covariance.npy": (npy(np.eye(D)), r"holds no images, but float64 \[16, 16\]"),
    "labels.npy": (npy(np.arange(9)), r"holds no images, but int64 \[9\]; expected \[N, H, W, C\]"),
    "number.npy": (npy(np.array(3.0)), r"holds no images, but float64 \[\]"),
    # The content does not fit the suffix.
    "zip.npy": (npz(images=IMAGES), r"is a .npz file by its content, not a .npy file; rename it to .npz"),
    "array.npz": (npy(IMAGES), r"is a .npy file by its content, not a .npz file; rename it to .npy"),
    "pickle.npy": (pickle.dumps(Runs()), "begins neither as a .npy file nor as a zip.*pickles"),
    "pickle.npz": (pickle.dumps(Runs()), "begins neither as a .npy file nor as a zip.*pickles"),
    "text.npy": (b"label,x,y\n", "begins neither as a .npy file nor as a zip"),
    "empty.npz": (b"", "begins neither as a .npy file nor as a zip"),
    # The array holds Python objects.
    "objects.npy": (npy(OBJECTS), "holds Python objects, that is, a pickle, .* never loaded"),
    "objects.npz": (npz(images=OBJECTS), "objects.npz:images holds Python objects"),
    "hidden.npz": (add_member(npz(), "images.pkl", pickle.dumps(Runs())), "images.pkl no array"),
    "records.npy": (
        npy(np.zeros((5, 4, 4), dtype=[("red", "u1"), ("label", object)])),
        "holds Python objects",
    ),
    # The file is damaged.
    "cut.npy": (npy(IMAGES)[:-9], "declares uint8 .*, 240 bytes, and holds 231: it is cut short"),
    "cut header.npy": (npy(IMAGES)[:20], "cannot be read|is damaged"),
    "cut.npz": (npz(images=IMAGES)[:-9], "is damaged or no .npz file"),
    "cut member.npz": (
        add_member(npz(), "images.npy", npy(IMAGES)[:-9]),
        "cut member.npz:images declares .* and holds 231",
    ),
    "huge.npz": (
        add_member(npz(), "images.npy", npy(IMAGES).replace(b"(5, 4, 4, 3)", b"(1 << 60,)  ")),
        "cannot be read",
    ),
    "damaged.npz": (spoil(npz_compressed(images=NOISE)), "is damaged or no .npz file"),
    "beyond numbers.npy": (reshape(npy(IMAGES), f"({1 << 70},4,4)"), "and holds 240: it is cut short"),
    "beyond numbers.npz": (
        add_member(npz(), "images.npy", reshape(npy(IMAGES), f"({1 << 70},4,4)")),
        "and holds 240: it is cut short",
    ),
    "beyond memory.npz": (
        add_member(npz(), "images.npy", reshape(npy(IMAGES), f"({1 << 50},4,4)")),
        "and holds 240: it is cut short",
    ),
    # numpy parses a header with Python's parser, which raises errors of its own.
    "open brackets.npy": (claim_header(b"(" * 9000), "cannot be read"),
    "few brackets.npy": (claim_header(b"[" * 150), "cannot be read"),
    "many signs.npy": (claim_header(b"-" * 9000 + b"1"), "cannot be read"),
    "open quotes.npy": (claim_header(b"{'descr': '''|u1"), "cannot be read"),
    "indented.npy": (claim_header(b"  1\n 2"), "cannot be read"),
    "keys of a list.npy": (claim_header(b"{[]: 1}"), "cannot be read"),
    "zeros.npy": (claim_header(bytes(80)), "cannot be read"),
    "brackets.npz": (add_member(npz(), "images.npy", claim_header(b"(" * 9000)), "cannot be read"),
    # The name selects one of several arrays.
    "twice.npz": (
        repeat_member("images.npy", "images.npy"),
        "holds 2 members named images, so it is unclear",
    ),
    "thrice.npz": (repeat_member("b.npy", "a.npy", "a.npy", "a.npy"), "holds 3 members named a, so"),
    "with and without.npz": (repeat_member("arr_0", "arr_0.npy"), "holds 2 members named arr_0, so"),
    "negative.npy": (reshape(npy(IMAGES), "(-5, 4, 4, 3)"), "it is cut short or damaged"),
    # Several arrays in one file, of which numpy reads the first.
    "twice.npy": (
        npy(IMAGES) + npy(IMAGES),
        "several arrays were saved into one file, of which only the first",
    ),
    "longer.npy": (npy(IMAGES) + b"\0", "declares uint8 .* 240 bytes, and holds 241: several arrays"),
    "shorter header.npy": (reshape(npy(IMAGES), "(4, 4, 4, 3)"), "192 bytes, and holds 240: several arrays"),
    # The shape, the type or the range of values is wrong.
    "no images.npy": (npy(IMAGES[:0]), r"holds no images: \[0, 4, 4, 3\]"),
    "no floats.npz": (npz(images=np.zeros((0, 4, 4))), r"no floats.npz:images holds no images: \[0, 4, 4\]"),
    "one image.npy": (npy(IMAGES[0]), r"holds \[4, 4, 3\], which is one image, expected \[N, H, W, C\]"),
    "video.npy": (npy(IMAGES[None]), r"holds no images, but uint8 \[1, 5, 4, 4, 3\]"),
    "signed.npy": (npy(IMAGES.astype(np.int8)), "holds int8, expected uint8 in 0..255; convert it"),
    "deep.npy": (npy(IMAGES.astype(np.uint16)), "holds uint16, expected uint8 in 0..255; convert it"),
    "masks.npy": (npy(IMAGES > 99), "holds bool, expected uint8 in 0..255; convert it"),
    "complex.npy": (npy(IMAGES.astype(np.complex64)), "holds complex64, expected uint8"),
    "words.npy": (npy(IMAGES.astype(str)), "holds <U3, expected uint8"),
    "zeros and ones.npy": (
        npy(IMAGES % 2),
        r"zeros and ones.npy: no pixel of any image exceeds 1 of 255, .* multiplied by 255",
    ),
    "floats.npy": (npy(IMAGES.astype(np.float16)), "holds float16 from 0 to 239, expected uint8"),
    "not a number.npy": (npy(np.full(IMAGES.shape, np.nan)), "holds float64 from nan to nan, expected uint8"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_set_of_images_is_named_and_nothing_is_unpickled(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    content, message = WRONG[name]
    Path(name).write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        open_images(name, "--real", READING)
    assert name in str(caught.value) and "\n" not in str(caught.value)
    assert not Path("executed").exists()


def test_an_array_that_the_zip_says_it_holds_is_refused_before_memory_is_taken_for_it(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("images.npy", reshape(npy(IMAGES), f"({1 << 40},4,4)"))
        archive.filelist[0].file_size = (1 << 44) + 128
    with pytest.raises(
        InputError, match=r"bomb.npz:images unpacks to \d+ bytes, and \d+ bytes of memory are free"
    ):
        open_images(str(path), "--fake", READING)


@pytest.mark.parametrize("floats", ["unit", "symmetric"])
def test_floats_whose_pixels_exceed_the_memory_are_refused_before_it_is_taken(
    floats: Any, tmp_path: Path
) -> None:
    path = tmp_path / "sparse.npy"
    path.write_bytes(reshape(npy(IMAGES.astype(np.float32)), f"({1 << 36},4,4)"))
    # The file has this size but no content, so it takes no space on the disk.
    os.truncate(path, (1 << 42) + 128) if _has_large_files(tmp_path) else pytest.skip("no sparse files here")
    with pytest.raises(InputError, match=r"sparse.npy unpacks to \d+ bytes"):
        open_images(str(path), "--real", READING._replace(floats=floats))


def _has_large_files(folder: Path) -> bool:
    probe = folder / "probe"
    probe.touch()
    try:
        os.truncate(probe, 1 << 43)
    except OSError:
        return False
    finally:
        probe.unlink()
    return True


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".pkl", ".PKL"])
def test_a_pickle_is_called_one(suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(f"stats{suffix}").write_bytes(pickle.dumps(Runs()))
    with pytest.raises(ValueError, match="is a pickle by its name, often of statistics or weights"):
        open_images(f"stats{suffix}", "--real", READING)
    assert not Path("executed").exists()


@pytest.mark.parametrize(
    ("content", "key"),
    [
        (npz(IMAGES), ""),
        (npz(images=IMAGES, labels=np.zeros(5)), ""),
        # A reference batch of the ADM evaluation suite: images with their statistics.
        (npz(IMAGES, mu=np.zeros(D), sigma=np.eye(D), mu_s=np.zeros(9), sigma_s=np.eye(9)), ""),
        (npz(real=IMAGES, fake=IMAGES), ":real"),
        (npz(x=IMAGES), ""),
        (npz(images=np.asfortranarray(IMAGES)), ""),
    ],
)
def test_images_are_found_among_other_arrays(
    content: bytes, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file.npz").write_bytes(content)
    images = open_images(f"file.npz{key}", "--real", READING)
    assert np.array_equal(images[:], IMAGES.transpose(0, 3, 1, 2))


@pytest.mark.parametrize("make", [lambda images: images * 0, lambda images: images // 7])
def test_dark_images_are_images(
    make: Callable[[Any], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("dark.npy", make(IMAGES))
    assert open_images("dark.npy", "--fake", READING).shape == (5, 3, 4, 4)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda grey: grey // 15, "few.npy: no pixel of any image exceeds 15 of 255, .* multiplied by 17"),
        (lambda grey: grey // 100, "few.npy: no pixel of any image exceeds 2 of 255, .* multiplied by 127"),
        (
            lambda grey: (grey / 255 / 10).astype(np.float32),
            "few.npy: no pixel of any image exceeds 24 of 255",
        ),
        (lambda grey: grey.astype(np.float32) / 255, "few.npy holds no pixel below the middle of the range"),
        (
            lambda grey: grey.astype(np.float64) * 0 + 1,
            "few.npy holds no pixel below the middle of the range",
        ),
        (lambda grey: grey.transpose(1, 2, 0), r"few.npy holds \[4, 4, 5\], which looks like \[H, W, N\]"),
        (lambda grey: grey[:, :2, :2].transpose(1, 2, 0), r"holds \[2, 2, 5\], which looks like \[H, W, N\]"),
    ],
)
def test_values_and_axes_that_others_use_are_not_taken_for_images_of_the_usual_kind(
    make: Callable[[Any], Any], reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    array = make(IMAGES[..., 0])
    np.save("few.npy", array)
    floats: Floats = "symmetric" if "middle" in reason else "unit"
    with pytest.raises(ValueError, match=reason):
        open_images("few.npy", "--fake", READING._replace(floats=floats))


def test_grey_images_that_are_as_many_as_their_sides_are_long_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for shape in ((4, 4, 4), (4, 4, 6, 1), (4, 6, 4), (6, 4, 4)):
        np.save("images.npy", np.resize(IMAGES, shape))
        assert len(open_images("images.npy", "--fake", READING)) == shape[0]
