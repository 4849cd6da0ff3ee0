"""Read scores that `--json` wrote before, so that they can stand in a table with new ones."""

import json
from pathlib import Path
from typing import Any

from stages.common.errors import InputError
from stages.common.file_tree import read_file, show_path
from stages.common.params import ParamsError, find_faults
from stages.evaluate.result import ScoreResult, parse_scores
from stages.scores.protocol import Protocol

# The keys of a record that are not scores.
OTHERS = (
    "real", "fake", "held_out", "image_shape", "distinct_images", "shared_images", "protocol", "protocol_digest",
    "is_in_order", "params", "device", "threads", "torch",
)  # fmt: skip


def read_earlier_scores(path: Path, argument: str) -> list[ScoreResult]:
    """Read the scores of one or more sets of images from a JSON file.

    Args:
        path: the file.
        argument: the option that names it, for errors.

    Raises:
        InputError: the file is missing, or was not written by `--json` of this version.
    """
    name = f"{argument} {show_path(path)}"
    try:
        content = json.loads(read_file(path).decode("utf-8"))
        records = content["results"] if isinstance(content, dict) and "results" in content else [content]
        return [_parse_record(record) for record in records]
    except (
        KeyError,
        TypeError,
        AttributeError,
        ParamsError,
        json.JSONDecodeError,
        RecursionError,
        UnicodeDecodeError,
    ) as error:
        reason = "; ".join(error.faults) if isinstance(error, ParamsError) else type(error).__name__
        raise InputError(
            f"{name} is no file of scores that --json wrote ({reason}); score its images again"
        ) from None


def _parse_record(record: dict[str, Any]) -> ScoreResult:
    values = {
        key: None if value is None else float(value) for key, value in record.items() if key not in OTHERS
    }
    protocol = _parse_protocol(record["protocol"])
    return ScoreResult(
        fake=str(record["fake"]),
        real=str(record["real"]),
        scores=parse_scores(values),
        protocol=protocol,
        fake_count=protocol.sample_count,
        real_count=protocol.reference_count,
        image_shape=tuple(record["image_shape"]),
        distinct_images=int(record["distinct_images"]),
        shared_images=int(record["shared_images"]),
        is_in_order=bool(record["is_in_order"]),
        params=str(record["params"]),
        compute={key: record[key] for key in ("device", "threads", "torch")},
        values=values,
        held_out=None if record.get("held_out") is None else str(record["held_out"]),
    )


def _parse_protocol(content: Any) -> Protocol:
    faults = find_faults(lambda: Protocol.model_validate(content), "protocol")
    if faults:
        raise ParamsError(faults)
    return Protocol.model_validate(content)
