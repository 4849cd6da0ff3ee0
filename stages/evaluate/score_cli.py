"""Score any images against any real ones, without the pipeline."""

import contextlib
import itertools
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stages.common.artifacts import write_bytes, write_json
from stages.common.compute import configure_compute, describe_compute
from stages.common.errors import InputError
from stages.common.file_tree import check_regular_file, show_path
from stages.common.streams import print_result
from stages.evaluate.arguments import ImageArgument, ScoreArguments, parse_arguments
from stages.evaluate.comparison import Conditions, sample_images, score_sets
from stages.evaluate.earlier_scores import read_earlier_scores
from stages.evaluate.extractor_choice import load_chosen_extractor
from stages.evaluate.held_out import check_extra_scores, sample_held_out
from stages.evaluate.overlap import check_arguments
from stages.evaluate.result import ScoreResult
from stages.evaluate.score_columns import sort_results
from stages.evaluate.score_pages import Picture, draw_grid, render_html, render_markdown
from stages.evaluate.score_table import format_scores
from stages.images.image_sets import ImageSet, list_sources, open_images


def main() -> None:
    """Score the images that the command line names; print a table, and write JSON, Markdown and a page."""
    arguments = parse_arguments()
    # If JSON goes to standard output, the table and the progress go to standard error.
    is_piped = arguments.json == "-"
    with contextlib.redirect_stdout(sys.stderr if is_piped else sys.stdout):
        results, pictures = score_arguments(arguments)
        record = make_record(results)
        if arguments.json is not None and not is_piped:
            write_json(Path(arguments.json), record)
        if arguments.markdown is not None:
            write_bytes(arguments.markdown, render_markdown(results).encode())
        if arguments.html is not None:
            write_bytes(arguments.html, render_html(results, pictures).encode())
        print(format_scores(results), flush=True)
    if is_piped:
        print_result(json.dumps(record, indent=2, allow_nan=False))


def make_record(results: Sequence[ScoreResult]) -> dict[str, Any]:
    """Return the content of the JSON file: the record of one set, or a sorted list of records under `results`."""
    records = [result.to_record() for result in results]
    return records[0] if len(records) == 1 else {"results": records}


def score_arguments(arguments: ScoreArguments) -> tuple[list[ScoreResult], list[Picture]]:
    """Score the sets that the command line names.

    Returns:
        The results, including those of earlier files, the best first; and, if a page is to be written, grids of the
        real images and of each set.

    Raises:
        InputError: an argument is wrong, or there are too few images; it is raised before the network computes where
            that is possible.
    """
    outputs = _list_outputs(arguments)
    for option, path in outputs.items():
        _check_writable(path, option)
    _check_files(arguments, outputs)
    earlier = [result for path in arguments.earlier for result in read_earlier_scores(path, "--with")]
    device = configure_compute(arguments.compute)
    extractor = load_chosen_extractor(arguments.extractor, device)
    check_extra_scores(arguments.params, extractor, arguments.held_out is not None)
    held_out = None if arguments.held_out is None else _open_sample(arguments.held_out, arguments)
    conditions = Conditions(
        extractor=extractor,
        params=arguments.params,
        params_source=arguments.params_file,
        resize=arguments.reading.resize,
        is_in_order=arguments.is_in_order,
        cache=arguments.cache,
        held_out=None if held_out is None else sample_held_out(held_out, arguments.params),
        expected={f"--with {result.fake}": result.protocol.model_dump() for result in earlier},
        compute=describe_compute(device),
    )
    real, *fakes = (_open_sample(images, arguments) for images in (arguments.real, *arguments.fakes))
    results = sort_results([*score_sets(real, fakes, conditions), *earlier], arguments.sort)
    pictures = [] if arguments.html is None else [draw_grid(images) for images in (real, *fakes)]
    return results, pictures


def _list_outputs(arguments: ScoreArguments) -> dict[str, Path]:
    """List the files that are to be written, by option.

    Raises:
        InputError: two options name the same file.
    """
    named = {"--json": arguments.json, "--markdown": arguments.markdown, "--html": arguments.html}
    outputs = {option: Path(path) for option, path in named.items() if path is not None and str(path) != "-"}
    for (one, path), (other, second) in itertools.combinations(outputs.items(), 2):
        if path.resolve() == second.resolve():
            raise InputError(f"{one} and {other} both name {show_path(path)}; name two files")
    return outputs


def _check_files(arguments: ScoreArguments, outputs: dict[str, Path]) -> None:
    """Refuse sets with a file in common, and outputs that would replace images, before any image is decoded."""
    real, *fakes = (list_sources(images.path, images.option) for images in (arguments.real, *arguments.fakes))
    held_out = arguments.held_out
    unseen = None if held_out is None else list_sources(held_out.path, held_out.option)
    check_arguments(real, fakes, unseen)
    for option, path in outputs.items():
        for images in (real, *fakes, *([] if unseen is None else [unseen])):
            if path.exists() and any(path.samefile(source.path) for source in images.sources):
                raise InputError(
                    f"{option} {show_path(path)} is a file of the images of {images.label}, which it would replace; "
                    "name another file"
                )


def _open_sample(argument: ImageArgument, arguments: ScoreArguments) -> ImageSet:
    """Open a set of images, and keep a sample of it where the command line asks for a number of images."""
    images = open_images(argument.path, argument.option, arguments.reading)
    sample_images(images, argument.count, argument.count_source, arguments.params.shuffle_seed)
    return images


def _check_writable(path: Path, option: str) -> None:
    """Refuse, before anything is computed, a file that cannot be written, and what is no file."""
    if path.exists() and not path.is_dir():
        check_regular_file(path)
    if path.is_dir():
        raise InputError(f"{option} {show_path(path)} is a folder; name a file")
    parent = next(folder for folder in path.absolute().parents if folder.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise InputError(
            f"{option} {show_path(path)} cannot be written: {show_path(parent)} is not a writable folder"
        )
