"""The options of the command line that scores any images."""

from pathlib import Path
from typing import Any, get_args

from stages.common.command_line import CommandParser
from stages.evaluate.parameters import list_protocols
from stages.evaluate.score_columns import SORTABLE
from stages.scores.extra_scores import OF_LABELS, ExtraScore
from stages.scores.extractor_zoo import list_published_extractors

DESCRIPTION = (
    "Score images against real ones: Inception Score, FID, KID, precision, recall, density, coverage. Several sets "
    "make one table, sorted by a score."
)
EPILOG = """\
IMAGES are a folder with its subfolders, or a .zip (PNG, JPEG, WebP, TIFF, BMP, GIF, PPM); an .npy or .npz file with
uint8 [N, H, W, C], [N, C, H, W] or [N, H, W], `file.npz:name` where it holds several arrays; or the word train or test,
for the split that `dvc repro prepare` made in this folder (a folder of that name is ./train).

The parameters of the scores come from the section `scores` of params.yaml in this folder, or, where there is none, from
the default preset; options override them. All of them are printed as the protocol: only scores with the same protocol
are comparable.

In another folder than the repository: PYTHONPATH=/path/to/repository python -m stages.evaluate ...

examples:
  python -m stages.evaluate --real train --fake samples/sngan-C-0/images_00000800.npy
  python -m stages.evaluate --real photos --fake generated.npz --extractor inception --weights weights.pth --json -
  python -m stages.evaluate --real photos --fake first.zip second.npz --with earlier.json --sort kid --html scores.html

As a stage of the pipeline, scoring one trial's snapshots: python -m stages.evaluate --gan GAN --setting LETTER --seed N
"""
OF_OWN_IMAGES = [name for name in get_args(ExtraScore) if name not in OF_LABELS]
OVERRIDES = {
    "splits": "number of parts that the Inception Score is the mean of",
    "seed": "seed of every random choice",
    "compared_count": "number of real and of scored images for KID, precision, recall, density and coverage",
    "kid_subsets": "number of pairs of subsets that KID is the mean of",
    "kid_subset_size": "number of images of such a subset",
    "fid_infinity_points": "how many FIDs are extrapolated to infinitely many images; 0 leaves FID-infinity out",
}


def make_parser() -> CommandParser:
    """Make the parser of all options."""
    parser = CommandParser(DESCRIPTION, prog="python -m stages.evaluate", epilog=EPILOG)
    parser.add_argument("--real", required=True, metavar="IMAGES", help="the real images")
    parser.add_argument(
        "--fake",
        required=True,
        nargs="+",
        action="extend",
        metavar="IMAGES",
        help="the images to score; several sets make one table",
    )
    parser.add_argument(
        "--held-out",
        metavar="IMAGES",
        help="real images that no generator was trained on, for the score ct",
    )
    _add_output(parser.add_argument_group("the table"))
    _add_reading(parser.add_argument_group("reading images"))
    _add_extraction(parser.add_argument_group("extracting features"))
    group = parser.add_argument_group("scoring")
    group.add_argument(
        "--protocol",
        choices=list_protocols(),
        help="a published protocol: the numbers of images, and how they are scored; other options override it",
    )
    for name, text in OVERRIDES.items():
        group.add_argument(f"--{name.replace('_', '-')}", type=int, metavar="N", help=text)
    group.add_argument(
        "--extra",
        nargs="*",
        metavar="SCORE",
        help=f"further scores, out of {', '.join(OF_OWN_IMAGES)}, in place of those of scores.extra",
    )
    group.add_argument(
        "--in-order",
        action="store_true",
        help="keep the order of the images to score, as the stage does; without it the seed shuffles them, because "
        "folders are often sorted",
    )
    return parser


def _add_output(group: Any) -> None:
    group.add_argument(
        "--with",
        dest="earlier",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="add the scores of a file that --json wrote to the table; other protocols are refused",
    )
    group.add_argument(
        "--sort",
        default="fid",
        choices=SORTABLE,
        metavar="SCORE",
        help="which score the table is sorted by, the best first (default: fid); also "
        + ", ".join(key for key in SORTABLE if key != "fid"),
    )
    group.add_argument(
        "--json", metavar="FILE", help="also write the scores to this file as JSON; - for standard output"
    )
    group.add_argument("--markdown", type=Path, metavar="FILE", help="also write the table as Markdown")
    group.add_argument(
        "--html", type=Path, metavar="FILE", help="also write a page with the table and grids of images"
    )


def _add_reading(group: Any) -> None:
    group.add_argument(
        "--resize",
        type=int,
        metavar="N",
        help="crop every image to a square and resize it to N pixels (Lanczos, antialiased); without it, images of "
        "different shapes are refused",
    )
    group.add_argument(
        "--layout", choices=("auto", "NHWC", "NCHW"), default="auto", help="order of an array's axes"
    )
    group.add_argument(
        "--floats",
        choices=("refuse", "unit", "symmetric"),
        default="refuse",
        help="the range of floating-point arrays: [0, 1] or [-1, 1]; it is never guessed",
    )
    group.add_argument("--real-count", type=int, metavar="N", help="score against N of the real images")
    group.add_argument("--fake-count", type=int, metavar="N", help="score N of the images")


def _add_extraction(group: Any) -> None:
    group.add_argument(
        "--extractor",
        default="extractor",
        metavar="NAME",
        help="a folder that the stage `extractor` made (default: ./extractor); or one of "
        f"{', '.join(list_published_extractors())}, with --weights",
    )
    group.add_argument(
        "--weights",
        type=Path,
        metavar="FILE",
        help="the published weights, such as weights-inception-2015-12-05-6726825d.pth, whose checksum is verified",
    )
    group.add_argument("--weights-sha256", metavar="HEX", help="the checksum that --weights must have")
    group.add_argument(
        "--extractor-options",
        nargs="+",
        default=[],
        metavar="KEY=VALUE",
        help="values that replace those of the extractor's section in params.yaml, such as model=vits14",
    )
    group.add_argument(
        "--precision",
        choices=("float32", "bfloat16"),
        help="precision of Inception's convolutions (default: that of the folder, else float32)",
    )
    group.add_argument(
        "--cache",
        type=Path,
        metavar="FOLDER",
        help="keep the statistics of the real images in this folder, so that the same images are processed only once; "
        "without it nothing is kept",
    )
    group.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto")
    group.add_argument("--threads", type=int, default=1, metavar="N", help="threads of a CPU (default: 1)")
