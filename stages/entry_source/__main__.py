"""Fingerprint the files of one entry, so that DVC notices changes: entries.<name>.files -> data/entries/<name>.json.

DVC always runs this stage, like the stage `source`, because an entry's files lie outside the repository. A fingerprint
covers the contents of files and the names within folders, but neither times nor paths. A file is read only if its size
or one of its times has changed since it was last read.
"""

import sys
from pathlib import Path

from stages.common.artifacts import entry_source_file, read_json, write_json
from stages.common.cli import parse_entry, run_command
from stages.common.errors import InputError
from stages.common.file_tree import expand_user
from stages.common.params import load_section
from stages.entry_source.params import EntryFiles
from stages.fingerprints.fingerprint import fingerprint_files


def main() -> None:
    """Fingerprint every file; if files are missing, keep the former fingerprint of the same number of files.

    Raises:
        InputError: a file is missing and there is no such former fingerprint, or a path is neither a file nor a folder.
    """
    name = parse_entry(__doc__)
    paths = [expand_user(text) for text in load_section(EntryFiles, "entries", name).files]
    keys = [f"entries.{name}.files[{place}]" for place in range(len(paths))]
    output = entry_source_file(name)
    missing = [f"{key} = {str(path)!r}" for key, path in zip(keys, paths, strict=True) if not path.exists()]
    if missing:
        text = f"{missing[0]} does not exist (relative to {Path.cwd()})"
        if not output.exists() or len(read_json(output, f"entry_source@{name}")["files"]) != len(paths):
            raise InputError(text)
        print(f"entry_source: {text}; its former fingerprint and scores stay in use", file=sys.stderr)
        return
    found = [fingerprint_files(path, key)._asdict() for path, key in zip(paths, keys, strict=True)]
    write_json(output, {"entry": name, "files": found})


if __name__ == "__main__":
    run_command(main)
