"""Score your own samples from Python: `from stages.evaluate.library import score`.

docs/library.md has an example.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from stages.common.compute import BLAS_VARIABLES, ComputeParams, configure_compute, describe_compute
from stages.common.errors import InputError
from stages.common.params import ParamsError, load_section
from stages.evaluate.comparison import Conditions, sample_images, score_sets
from stages.evaluate.extractor_choice import ExtractorChoice, load_chosen_extractor
from stages.evaluate.held_out import TEST, check_extra_scores, sample_held_out
from stages.evaluate.overlap import check_arguments
from stages.evaluate.parameters import load_params, make_compute, read_published_protocol
from stages.evaluate.result import Score, ScoreResult
from stages.images.image_arrays import Floats, Layout
from stages.images.image_batches import Images, gather_images
from stages.images.image_sets import ImageSet, ReadOptions, SourceList, list_sources
from stages.scores.extractor import Extractor
from stages.scores.inception import Precision
from stages.scores.params import ScoresParams
from stages.scores.protocol import Protocol

__all__ = ["Protocol", "Score", "ScoreError", "ScoreResult", "score"]

# Matches an option of the command line in a message, to replace it by the argument of `score` with underscores.
OPTION = re.compile(r"(?<![\w-])--([a-z]+(?:-[a-z]+)*)")


class ScoreError(InputError):
    """An argument of `score` is wrong: the message names it, its value, what is allowed and the cure."""


def score(
    real: Images,
    fake: Images,
    *,
    held_out: Images | None = None,
    extractor: str | Path | Extractor = "extractor",
    protocol: str | Mapping[str, Any] | ScoresParams | Protocol | None = None,
    extra: Sequence[str] | None = None,
    real_count: int | None = None,
    fake_count: int | None = None,
    layout: Layout = "auto",
    floats: Floats = "refuse",
    resize: int | None = None,
    in_order: bool = False,
    weights: str | Path | None = None,
    weights_sha256: str | None = None,
    extractor_options: Mapping[str, Any] | None = None,
    precision: Precision | None = None,
    cache: str | Path | None = None,
    device: str = "auto",
    threads: int | None = None,
) -> ScoreResult:
    """Score images against real ones by every score of docs/scores.md.

    `real` and `fake` are each one of:

    - an array of NumPy or PyTorch, [N, H, W, C], [N, C, H, W] or, of grey images, [N, H, W]; uint8 in 0..255, or
      floating point of the range that `floats` names;
    - a path: a folder or .zip of image files, a .npy or .npz file, `file.npz:array`, or `train` or `test` for the split
      that the pipeline prepared in the current folder;
    - an iterable of batches, arrays [N, H, W, C] or [N, C, H, W], which may be longer than memory;
    - a function `draw(n)` that returns a batch of n images; `fake_count` says how many are drawn, 100 at a time.

    Args:
        real: the real images.
        fake: the images to score.
        held_out: 60 or more real images that the generator was not trained on, for the score `ct`, which `extra` must
            name. As many are sampled from a set, or drawn by a function, as the score compares.
        extractor: the network that computes the features: a folder that the stage `extractor` made; the name of a
            published network, `clip`, `dinov2` or `inception`, with `weights`; or a loaded extractor.
        protocol: the parameters of the scores: the name of a published protocol (`field`, `miyato`, `report`), which
            also sets numbers of images; a mapping with some keys of the section `scores` of params.yaml, which replace
            those of params.yaml in the current folder or else of the default preset; all keys as `ScoresParams`; or the
            protocol of another result, which this result must then share. None uses params.yaml or the default preset.
        extra: the names of further scores: `authenticity`, `cmmd`, `ct`, `sfid`; None uses the key `extra` of the
            protocol.
        real_count: the number of real images, sampled by the protocol's seed, or the first ones of an iterable; None
            uses the protocol's number, or else all images.
        fake_count: the number of images to score, chosen in the same way.
        layout: the order of an array's axes, `NHWC` or `NCHW`; `auto` infers it where only one axis can be that of the
            channels.
        floats: the range of floating-point arrays, `unit` for [0, 1] or `symmetric` for [-1, 1]; it is never guessed.
        resize: side, in pixels, to which every image is cropped and resized; None refuses images of different sizes.
        in_order: whether `fake` keeps its order; if not, the seed shuffles it, because folders are often sorted.
        weights: the file of the published network's weights, which is verified where its checksum is known.
        weights_sha256: the checksum that this file must have; not for `inception`, whose checksum is known.
        extractor_options: values that replace those of the network's section under `extractor` of params.yaml in the
            current folder, or else of the default preset, such as `{"model": "vits14", "resize": "torch_bicubic"}`.
        precision: the precision of Inception's convolutions, `float32` or `bfloat16`.
        cache: a folder that keeps the statistics of the real images, so that they are extracted once.
        device: where the network computes: `auto`, `cpu`, `cuda` or `mps`.
        threads: the number of threads of a CPU; None keeps those of this process.

    Returns:
        The scores by name, each with its standard error and interval, and their protocol.

    Raises:
        ScoreError: an argument is wrong; it is raised before the network computes where that can be known.
    """
    with _explain_errors(), _restore_settings():
        reading = _check_reading(layout, floats, resize)
        check_arguments(
            _list_sources(real, "real"),
            [_list_sources(fake, "fake")],
            None if held_out is None else _list_sources(held_out, "held_out"),
        )
        _check_types(extra, extractor_options, in_order, precision)
        torch_device = configure_compute(_choose_compute(device, threads))
        published = _read_published(protocol)
        params, source = _choose_params(protocol, published, extra)
        path = _check_path("weights", weights)
        chosen = _load_extractor(
            extractor, torch_device, path, precision, weights_sha256, dict(extractor_options or {})
        )
        check_extra_scores(params, chosen, held_out is not None)
        if real_count is None:
            real_count = published.get("reference", {}).get("count")
        if fake_count is None:
            fake_count = published.get("sample", {}).get("sample_count")
        unseen = None if held_out is None else _open_held_out(held_out, reading, params)
        conditions = Conditions(
            extractor=chosen,
            params=params,
            params_source=source,
            resize=resize,
            is_in_order=in_order,
            cache=_check_path("cache", cache),
            held_out=unseen,
            expected={"protocol": protocol.model_dump()} if isinstance(protocol, Protocol) else {},
            compute=describe_compute(torch_device),
        )
        sets = [
            _open_sample(images, argument, reading, count, params)
            for images, argument, count in ((real, "real", real_count), (fake, "fake", fake_count))
        ]
        return score_sets(sets[0], sets[1:], conditions)[0]


def _check_reading(layout: Layout, floats: Floats, resize: int | None) -> ReadOptions:
    for name, value, allowed in (("layout", layout, get_args(Layout)), ("floats", floats, get_args(Floats))):
        if value not in allowed:
            raise InputError(f"{name} = {value!r}: expected {', '.join(allowed)}")
    return ReadOptions(layout, floats, None if resize is None else _check_count("resize", resize))


def _check_count(argument: str, value: Any) -> int:
    # NumPy's whole numbers are ones, too; True and False are none.
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise InputError(f"{argument} = {value!r}: expected a whole number of 1 or more")
    return int(value)


def _check_path(argument: str, value: Any) -> Path | None:
    if value is None:
        return None
    if not isinstance(value, str | os.PathLike) or not os.fspath(value):
        raise InputError(f"{argument} = {value!r}: expected a path")
    return Path(value)


def _check_types(extra: Any, extractor_options: Any, in_order: Any, precision: Any) -> None:
    """Refuse arguments of other types than theirs, which would be misread or fail somewhere else."""
    expected = (
        ("extra", extra, Sequence, "a list of names of scores"),
        ("extractor_options", extractor_options, Mapping, "a mapping of options to values"),
        ("in_order", in_order, bool, "True or False"),
    )
    for name, value, kind, text in expected:
        if value is not None and not isinstance(value, kind):
            raise InputError(f"{name} = {value!r}: expected {text}")
    if precision not in (None, *get_args(Precision)):
        raise InputError(f"precision = {precision!r}: expected {' or '.join(get_args(Precision))}")


def _choose_compute(device: str, threads: int | None) -> ComputeParams:
    count = torch.get_num_threads() if threads is None else _check_count("threads", threads)
    try:
        return make_compute(device, count)
    except ParamsError as error:
        raise ParamsError(error.faults, Path("the call")) from None


def _read_published(protocol: object) -> dict[str, Any]:
    """Return the sections of a published protocol, or the number of scored images of another result's protocol."""
    if isinstance(protocol, Protocol):
        return {"sample": {"sample_count": protocol.sample_count}}
    return read_published_protocol(protocol) if isinstance(protocol, str) else {}


def _list_sources(images: Images, argument: str) -> SourceList:
    """List the files of a set of images that is given as a path; any other set has none."""
    is_path = isinstance(images, str | os.PathLike)
    return list_sources(os.fspath(images), argument) if is_path else SourceList(argument, [])


def _open_sample(
    images: Images, argument: str, reading: ReadOptions, count: int | None, params: ScoresParams
) -> ImageSet:
    count = None if count is None else _check_count(f"{argument}_count", count)
    opened = gather_images(images, argument, reading, count)
    sample_images(opened, count, f"{argument}_count", params.shuffle_seed)
    return opened


def _open_held_out(images: Images, reading: ReadOptions, params: ScoresParams) -> ImageSet:
    count = params.compared_count if callable(images) else None
    return sample_held_out(gather_images(images, "held_out", reading, count), params)


def _load_extractor(extractor: str | Path | Extractor, device: torch.device, *options: Any) -> Extractor:
    """Load the extractor that the arguments name; `options` are the fields of `ExtractorChoice` in their order."""
    if not isinstance(extractor, Extractor):
        return load_chosen_extractor(ExtractorChoice(str(extractor), *options), device)
    if any(options):
        raise InputError(
            "weights, weights_sha256, extractor_options and precision go with the name of an extractor, but extractor "
            "is already loaded; leave them out"
        )
    return extractor


def _choose_params(
    protocol: str | Mapping[str, Any] | ScoresParams | Protocol | None,
    published: Mapping[str, Any],
    extra: Sequence[str] | None,
) -> tuple[ScoresParams, str]:
    """Return the parameters of the scores, and the name of the file or argument that they come from."""
    overrides = {} if extra is None else {"extra": extra if isinstance(extra, str) else list(extra)}
    if isinstance(protocol, ScoresParams | Protocol):
        fields = protocol.model_dump()
        kept = {name: fields[name] for name in ScoresParams.model_fields if name in fields}
        if isinstance(protocol, Protocol):
            if kept["fid_sample_count"] == protocol.sample_count:
                kept["fid_sample_count"] = None
            kept["extra"] = [] if protocol.held_out_sha256 is None else [TEST]
        return load_section(ScoresParams, "scores", content={"scores": kept | overrides}), "protocol"
    if protocol is None or isinstance(protocol, str):
        return load_params(published.get("scores", {}), overrides)
    if not isinstance(protocol, Mapping):
        raise InputError(
            f"protocol is a {type(protocol).__name__}; expected a name, a mapping, ScoresParams, or the protocol of "
            "another result"
        )
    try:
        return load_params({}, {**protocol, **overrides})
    except ParamsError as error:
        raise ParamsError(error.faults, Path("protocol")) from None


@contextmanager
def _explain_errors() -> Iterator[None]:
    """Raise every InputError as a ScoreError whose message names arguments instead of command-line options."""
    try:
        yield
    except (InputError, OSError) as error:
        raise ScoreError(OPTION.sub(lambda match: match[1].replace("-", "_"), str(error))) from error


@contextmanager
def _restore_settings() -> Iterator[None]:
    """Restore the settings of this process that scoring changes to be repeatable."""
    threads = torch.get_num_threads()
    variables = {name: os.environ.get(name) for name in BLAS_VARIABLES}
    is_deterministic = torch.are_deterministic_algorithms_enabled()
    tf32 = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    try:
        # With None this sets nothing; at its end it restores the threads of NumPy's and SciPy's linear algebra.
        with threadpool_limits(None, user_api="blas"):
            yield
    finally:
        for name, value in variables.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        torch.set_num_threads(threads)
        if torch.are_deterministic_algorithms_enabled() != is_deterministic:
            torch.use_deterministic_algorithms(is_deterministic)
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = tf32
