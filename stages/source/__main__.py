"""Fingerprint the user's own images, so that DVC notices changes: prepare.path -> data/source.json.

DVC always runs this stage before it decides what is stale. The fingerprint covers names and contents but neither times
nor the path, so that a copy of the same images makes nothing stale. A file is read only if its size or one of its times
has changed since it was last read.
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
    """Fingerprint the files of `prepare.path`; without a path the data set is a published one with known checksums.

    If the images are missing, the former fingerprint is kept, as the data prepared from them still exists.

    Raises:
        InputError: the path does not exist and there is no former fingerprint, or it is neither a folder nor a file.
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
        print(f"source: {text}; the data prepared from it before stays in use", file=sys.stderr)


if __name__ == "__main__":
    run_command(main, __doc__)
