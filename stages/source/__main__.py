"""Fingerprint the user's own images: prepare.path -> data/source.json, so that a change of them is noticed.

DVC runs this stage every time, before it decides what is stale. The fingerprint holds names and contents but no times
and no place, so that the same images at another time or place make nothing stale. A file is read only if its size or
one of its times has changed since it was read last.
"""

import sys
from pathlib import Path

from stages.common.artifacts import DATA_SOURCE, read_json, write_json
from stages.common.cli import run_command
from stages.common.errors import InputError
from stages.common.params import load_section
from stages.fingerprints.fingerprint import fingerprint_files
from stages.source.params import SourceParams


def main() -> None:
    """Fingerprint what `prepare.path` names; without a path the data set is a published one, whose checksums are known.

    Images that are gone change nothing: what was prepared from them is still there, and so is the former fingerprint.

    Raises:
        InputError: there is no such path and no former fingerprint, or it is neither a folder nor a file.
    """
    params = load_section(SourceParams, "prepare")
    path = params.local_path()
    if path is None:
        write_json(DATA_SOURCE, {"dataset": params.dataset, "files": None})
    elif path.exists():
        write_json(
            DATA_SOURCE,
            {"dataset": params.dataset, "files": fingerprint_files(path, "prepare.path")._asdict()},
        )
    else:
        text = f"prepare.path = {str(path)!r} does not exist (relative to {Path.cwd()})"
        if not DATA_SOURCE.exists() or read_json(DATA_SOURCE, "source")["dataset"] != params.dataset:
            raise InputError(text)
        print(f"source: {text}; what was prepared from it before is used", file=sys.stderr)


if __name__ == "__main__":
    run_command(main, __doc__)
