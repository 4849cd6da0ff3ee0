"""Fingerprint the files of one entry: entries.<name>.files -> data/entries/<name>.json, so that a change is noticed.

DVC runs this every time, as it does the stage `source`: an entry's files lie wherever its author put them. The
fingerprint holds contents, and of folders the names within them, but neither times nor places. A file is read only if
its size or one of its times has changed since it was read last.
"""

import sys
from pathlib import Path

from stages.common.artifacts import entry_source_file, read_json, write_json
from stages.common.cli import parse_entry, run_command
from stages.common.errors import InputError
from stages.common.params import load_section
from stages.entry_source.params import EntryFiles
from stages.fingerprints.fingerprint import fingerprint_files


def main() -> None:
    """Fingerprint every file. Files that are gone change nothing, if their number is that of the former fingerprint.

    Raises:
        InputError: a file is missing and there is no such former fingerprint, or it is neither a file nor a folder.
    """
    name = parse_entry(__doc__)
    paths = [Path(text).expanduser() for text in load_section(EntryFiles, "entries", name).files]
    keys = [f"entries.{name}.files[{place}]" for place in range(len(paths))]
    output = entry_source_file(name)
    missing = [f"{key} = {str(path)!r}" for key, path in zip(keys, paths, strict=True) if not path.exists()]
    if missing:
        text = f"{missing[0]} does not exist (relative to {Path.cwd()})"
        if not output.exists() or len(read_json(output, f"entry_source@{name}")["files"]) != len(paths):
            raise InputError(text)
        print(f"entry_source: {text}; what was scored of it before is used", file=sys.stderr)
        return
    found = [fingerprint_files(path, key)._asdict() for path, key in zip(paths, keys, strict=True)]
    write_json(output, {"entry": name, "files": found})


if __name__ == "__main__":
    run_command(main)
