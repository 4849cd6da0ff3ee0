"""The command line for anyone's images: what to score, with what, and how it is said."""

import argparse
from pathlib import Path
from typing import Any

from stages.common.params import PARAMS_FILE, load_section, read_params
from stages.scores.params import ScoresParams

# Beside the code, so that the command works in any folder.
PRESETS = Path(__file__).parents[2] / "presets"
DEFAULTS = PRESETS / "default.yaml"
DESCRIPTION = (
    "Score images against real ones: Inception Score, FID, KID, precision, recall, density, coverage."
)
EPILOG = """\
IMAGES are a folder, searched through (PNG, JPEG, WebP, TIFF, BMP, GIF, PPM); an .npy or .npz file with uint8
[N, H, W, C], [N, C, H, W] or [N, H, W], `file.npz:name` where it holds several arrays; or the word train or test,
for the split that `dvc repro prepare` made here (a folder of that name is ./train).

How scores are made comes from the section `scores` of params.yaml in this folder, or, where there is none, from the
default preset; options override it. All of it is printed as the protocol: scores of unlike ones do not compare.

In another folder than the repository: PYTHONPATH=/path/to/repository python -m stages.evaluate ...

examples:
  python -m stages.evaluate --real train --fake samples/sngan-C-0/images_00000800.npy
  python -m stages.evaluate --real photos --fake drawn.npz --extractor inception --weights weights.pth --json -

As a stage of the pipeline, scoring one trial's snapshots: python -m stages.evaluate --gan GAN --setting LETTER --seed N
"""
OVERRIDES = {
    "splits": "parts that the Inception Score is the mean of",
    "seed": "of every shuffling and drawing",
    "compared_count": "images of either side for KID, precision, recall, density and coverage",
    "kid_subsets": "pairs of subsets that KID is the mean of",
    "kid_subset_size": "images of such a subset",
    "fid_infinity_points": "numbers of images that FID is extrapolated from to infinitely many; 0: not at all",
}


def make_parser() -> argparse.ArgumentParser:
    """Describe the options."""
    parser = argparse.ArgumentParser(
        prog="python -m stages.evaluate",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--real", required=True, metavar="IMAGES", help="the real images")
    parser.add_argument("--fake", required=True, metavar="IMAGES", help="the images to score")
    parser.add_argument("--json", metavar="FILE", help="write the scores there as JSON, too; - for stdout")
    _add_reading(parser.add_argument_group("reading images"))
    _add_looking(parser.add_argument_group("looking at them"))
    group = parser.add_argument_group("scoring")
    group.add_argument(
        "--protocol",
        choices=sorted(path.stem for path in (PRESETS / "protocol").glob("*.yaml")),
        help="a published one: how many images of either side, and how they are scored; other options override it",
    )
    for name, text in OVERRIDES.items():
        group.add_argument(f"--{name.replace('_', '-')}", type=int, metavar="N", help=text)
    group.add_argument(
        "--in-order",
        action="store_true",
        help="take the images to score as they lie, as the stage does; without it they are drawn in the order of the "
        "seed, because folders are often sorted",
    )
    return parser


def _add_reading(group: Any) -> None:
    group.add_argument(
        "--resize",
        type=int,
        metavar="N",
        help="crop every image to a square and resize it to N pixels (Lanczos, antialiased); without it, images of "
        "different shapes are refused",
    )
    group.add_argument("--layout", choices=("auto", "NHWC", "NCHW"), default="auto", help="of arrays")
    group.add_argument(
        "--floats",
        choices=("refuse", "unit", "symmetric"),
        default="refuse",
        help="the range of floating-point arrays: [0, 1] or [-1, 1]; it is never guessed",
    )
    group.add_argument("--real-count", type=int, metavar="N", help="draw N of the real images")
    group.add_argument("--fake-count", type=int, metavar="N", help="draw N of the images to score")


def _add_looking(group: Any) -> None:
    group.add_argument(
        "--extractor",
        default="extractor",
        metavar="FOLDER",
        help="a folder that the stage `extractor` made (default: ./extractor); or `inception`, with --weights",
    )
    group.add_argument(
        "--weights",
        type=Path,
        metavar="FILE",
        help="the published Inception weights, weights-inception-2015-12-05-6726825d.pth; their checksum is verified",
    )
    group.add_argument(
        "--precision",
        choices=("float32", "bfloat16"),
        help="of Inception's convolutions (default: what the folder says, else float32)",
    )
    group.add_argument(
        "--cache",
        type=Path,
        metavar="FOLDER",
        help="keep there what is seen in the real images, and look at the same images but once; without it nothing is "
        "kept",
    )
    group.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto")
    group.add_argument("--threads", type=int, default=1, metavar="N", help="of a CPU (default: 1)")


def read_counts(protocol: str | None) -> dict[str, int | None]:
    """Read how many `real` and `fake` images a protocol asks for; None where it takes all, or there is none."""
    content = _read_protocol(protocol)
    return {
        "real": content.get("reference", {}).get("count"),
        "fake": content.get("sample", {}).get("sample_count"),
    }


def _read_protocol(name: str | None) -> dict[str, Any]:
    return {} if name is None else dict(read_params(PRESETS / "protocol" / f"{name}.yaml"))


def choose_params(arguments: argparse.Namespace) -> tuple[ScoresParams, str]:
    """Take the section `scores` of params.yaml or of the default preset, and name the file.

    The protocol overrides it, and options override that.

    Raises:
        ParamsError: the file or an option is wrong.
    """
    file = PARAMS_FILE if PARAMS_FILE.exists() else DEFAULTS
    section = dict(read_params(file).get("scores") or {}) | _read_protocol(arguments.protocol).get(
        "scores", {}
    )
    given = {name: getattr(arguments, name) for name in OVERRIDES if getattr(arguments, name) is not None}
    if "seed" in given:
        given["shuffle_seed"] = given.pop("seed")
    return load_section(ScoresParams, "scores", content={"scores": section | given}), str(file)
