"""The command line that scores any images: its options, parsed into one frozen dataclass."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from stages.common.command_line import CommandParser
from stages.common.compute import ComputeParams
from stages.common.errors import InputError
from stages.evaluate.extractor_choice import ExtractorChoice
from stages.evaluate.parameters import list_protocols, load_params, make_compute, read_published_protocol
from stages.evaluate.score_columns import SORTABLE
from stages.images.image_sets import ReadOptions
from stages.scores.extra_scores import ExtraScore
from stages.scores.params import ScoresParams

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
OVERRIDES = {
    "splits": "number of parts that the Inception Score is the mean of",
    "seed": "of every random choice",
    "compared_count": "number of real and of scored images for KID, precision, recall, density and coverage",
    "kid_subsets": "number of pairs of subsets that KID is the mean of",
    "kid_subset_size": "number of images of such a subset",
    "fid_infinity_points": "how many FIDs are extrapolated to infinitely many images; 0 leaves FID-infinity out",
}


@dataclass(frozen=True)
class ImageArgument:
    """A set of images that the command line names.

    Attributes:
        path: a folder, an array file or a prepared split.
        option: the option that names it, such as `--real`.
        count: the number of images to sample from it; None keeps all.
        count_source: what asks for this number, for errors.
    """

    path: str
    option: str
    count: int | None
    count_source: str


@dataclass(frozen=True)
class ScoreArguments:
    """The arguments of the command line.

    Attributes:
        real: the real images.
        fakes: the sets of images to score.
        held_out: real images that no generator was trained on, for the C_T test; None where there are none.
        earlier: files of scores, as `json` is, whose rows the table has, too.
        sort: the score that the table is sorted by.
        is_in_order: whether the images to score keep their order; if not, the seed shuffles them.
        reading: how images are read.
        extractor: which extractor computes the features.
        cache: a folder that keeps the statistics of real images; None keeps nothing.
        compute: device and threads.
        params: how images are scored.
        params_file: the file that `params` come from.
        json: a file for the scores as JSON, or `-` for standard output; None writes no JSON.
        markdown: a file for the table as Markdown; None writes none.
        html: a file for a page with the table and grids of images; None writes none.
    """

    real: ImageArgument
    fakes: tuple[ImageArgument, ...]
    held_out: ImageArgument | None
    earlier: tuple[Path, ...]
    sort: str
    is_in_order: bool
    reading: ReadOptions
    extractor: ExtractorChoice
    cache: Path | None
    compute: ComputeParams
    params: ScoresParams
    params_file: str
    json: str | None
    markdown: Path | None
    html: Path | None


def parse_arguments(words: Sequence[str] | None = None) -> ScoreArguments:
    """Parse the command line.

    Args:
        words: the arguments; None parses those of this process.

    Raises:
        ParamsError: a parameter in a file or an option is wrong.
        InputError: another option is wrong.
    """
    options = _make_parser().parse_args(words)
    protocol = read_published_protocol(options.protocol)
    params, params_file = load_params(
        protocol.get("scores", {}), {name: getattr(options, name) for name in (*OVERRIDES, "extra")}
    )
    protocol_name = f"--protocol {options.protocol}"
    real_count = protocol.get("reference", {}).get("count")
    fake_count = protocol.get("sample", {}).get("sample_count")
    return ScoreArguments(
        real=_make_image_argument("--real", options.real, options.real_count, real_count, protocol_name),
        fakes=tuple(
            _make_image_argument("--fake", path, options.fake_count, fake_count, protocol_name)
            for path in options.fake
        ),
        held_out=None
        if options.held_out is None
        else ImageArgument(options.held_out, "--held-out", None, ""),
        earlier=tuple(options.earlier),
        sort=options.sort,
        is_in_order=options.in_order,
        reading=ReadOptions(options.layout, options.floats, _check_positive(options.resize, "--resize")),
        extractor=ExtractorChoice(options.extractor, options.weights, options.precision),
        cache=options.cache,
        compute=make_compute(options.device, options.threads),
        params=params,
        params_file=params_file,
        json=options.json,
        markdown=options.markdown,
        html=options.html,
    )


def _make_image_argument(
    option: str, path: str, count: int | None, protocol_count: int | None, protocol: str
) -> ImageArgument:
    """Combine a set's options; a count on the command line overrides that of the protocol."""
    if _check_positive(count, f"{option}-count") is not None:
        return ImageArgument(path, option, count, f"{option}-count")
    return ImageArgument(path, option, protocol_count, f"{protocol} asks for")


def _check_positive(value: int | None, option: str) -> int | None:
    if value is not None and value < 1:
        raise InputError(f"{option} {value}: expected 1 or more")
    return value


def _make_parser() -> CommandParser:
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
        help=f"further scores, out of {', '.join(get_args(ExtraScore))}, in place of those of scores.extra",
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
    group.add_argument("--layout", choices=("auto", "NHWC", "NCHW"), default="auto", help="of arrays")
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
        help="keep the statistics of the real images in this folder, so that the same images are processed only once; "
        "without it nothing is kept",
    )
    group.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto")
    group.add_argument("--threads", type=int, default=1, metavar="N", help="of a CPU (default: 1)")
