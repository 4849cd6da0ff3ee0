"""Parse the command line that scores any images into one frozen dataclass."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.common.compute import ComputeParams
from stages.common.errors import InputError
from stages.common.yaml_reader import YamlError, parse_yaml
from stages.evaluate.extractor_choice import ExtractorChoice
from stages.evaluate.parameters import load_params, make_compute, read_published_protocol
from stages.evaluate.score_options import OVERRIDES, make_parser
from stages.images.image_sets import ReadOptions
from stages.scores.params import ScoresParams


@dataclass(frozen=True)
class ImageArgument:
    """A set of images that the command line names.

    Attributes:
        path: a folder, an array file or a prepared split.
        option: the option that names it, such as `--real`.
        count: the number of images to sample from it; None keeps all.
        count_source: the option or protocol that sets this number, for errors.
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
        earlier: files of scores that `--json` wrote before, whose rows are added to the table.
        sort: the score that the table is sorted by.
        is_in_order: whether the images to score keep their order; if not, the seed shuffles them.
        reading: the options of reading images.
        extractor: the choice of the extractor.
        cache: a folder that keeps the statistics of real images; None keeps nothing.
        compute: device and threads.
        params: the parameters of the scores.
        params_file: the name of the file that `params` come from.
        json: the file for the scores as JSON, or `-` for standard output; None writes no JSON.
        markdown: the file for the table as Markdown; None writes none.
        html: the file for a page with the table and grids of images; None writes none.
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
    options = make_parser().parse_args(words)
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
        extractor=ExtractorChoice(
            options.extractor,
            options.weights,
            options.precision,
            options.weights_sha256,
            _parse_extractor_options(options.extractor_options),
        ),
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
    """Combine the options of a set of images; a count on the command line overrides the protocol's."""
    if _check_positive(count, f"{option}-count") is not None:
        return ImageArgument(path, option, count, f"{option}-count")
    return ImageArgument(path, option, protocol_count, f"{protocol} asks for")


def _check_positive(value: int | None, option: str) -> int | None:
    if value is not None and value < 1:
        raise InputError(f"{option} {value}: expected 1 or more")
    return value


def _parse_extractor_options(words: Sequence[str]) -> dict[str, Any]:
    """Parse words KEY=VALUE, with values written as in params.yaml."""
    options = {}
    for word in words:
        key, sign, value = word.partition("=")
        if not (key and sign):
            raise InputError(f"--extractor-options {word}: expected KEY=VALUE, such as resize=torch_bicubic")
        try:
            options[key] = parse_yaml(value)
        except YamlError as error:
            raise InputError(f"--extractor-options {word}: {error}") from None
    return options
