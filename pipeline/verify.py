"""Hash every output on disk and every object in DVC's cache, and compare them with dvc.lock and with what is committed.

`make verify`, or `python -m pipeline.verify`. DVC itself compares sizes and times of what it has hashed before, and
takes what its cache holds for what the object's name says, so it restores a damaged object as if nothing were wrong.
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from pipeline.tracking.lineage import FOLDER_END, LOCK_FILE, Lock, hash_output, parse_lock, read_lock
from stages.common.cli import run_command
from stages.common.command_line import CommandParser
from stages.common.errors import InputError


class Comparison(NamedTuple):
    """What was found of a number of files.

    Attributes:
        equal: how many are as they should be.
        different: those that are not.
        missing: those that are not there.
    """

    equal: int
    different: list[str]
    missing: list[str]

    def describe(self, things: str, equal: str) -> str:
        """Say how many are equal, and name those that are not; how many are missing, which is no fault."""
        total = self.equal + len(self.different)
        lines = [f"{self.equal} of {total} {things} {equal}"]
        if self.missing:
            lines[0] += f"; {len(self.missing)} more are not there"
        return "\n".join(lines + [f"  differs: {name}" for name in self.different])


def list_outputs(lock: Lock) -> dict[str, str]:
    """List the MD5 of every output in a dvc.lock by its path; that of a folder ends with `.dir`."""
    return {
        out["path"]: out["md5"] for entry in lock.values() for out in entry.get("outs", []) if "md5" in out
    }


def compare_outputs(expected: dict[str, str], found: dict[str, str]) -> Comparison:
    """Compare outputs by their MD5s.

    Args:
        expected: the MD5s that the outputs should have, by path.
        found: the MD5s of the outputs that are on disk, by path.
    """
    different = [path for path, md5 in expected.items() if path in found and found[path] != md5]
    missing = [path for path in expected if path not in found]
    return Comparison(len(expected) - len(different) - len(missing), different, missing)


def compare_objects(cache: Path, outputs: dict[str, str]) -> Comparison:
    """Hold the objects that outputs are restored from against their names.

    Args:
        cache: the folder with the objects: `files/md5` of DVC's cache.
        outputs: MD5 by path.
    """
    equal, different, missing = 0, list[str](), list[str]()
    for md5 in dict.fromkeys(_list_objects(cache, outputs.values())):
        path = cache / md5[:2] / md5[2:]
        if not path.is_file():
            missing.append(md5)
        elif hash_output(path) == md5.removesuffix(FOLDER_END):
            equal += 1
        else:
            different.append(f"{path} (remove it; `dvc repro` makes its output anew when it is needed)")
    return Comparison(equal, different, missing)


def _list_objects(cache: Path, outputs: Iterable[str]) -> Iterator[str]:
    """List the objects of outputs: a folder's listing, and each file that it names."""
    for md5 in outputs:
        yield md5
        path = cache / md5[:2] / md5[2:]
        if md5.endswith(FOLDER_END) and path.is_file():
            try:
                yield from [entry["md5"] for entry in json.loads(path.read_bytes())]
            except (ValueError, KeyError, TypeError):
                # It is named as damaged itself.
                continue


def read_committed_lock() -> Lock | None:
    """Read the dvc.lock of the last commit; None where there is none."""
    done = subprocess.run(["git", "show", f"HEAD:./{LOCK_FILE}"], capture_output=True, check=False)
    return (
        parse_lock(done.stdout.decode("utf-8", "replace"), f"the committed {LOCK_FILE}")
        if done.returncode == 0
        else None
    )


def find_cache() -> Path:
    """Return the folder with the objects of DVC's cache.

    Raises:
        InputError: DVC does not say where it is.
    """
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "cache", "dir"], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise InputError(f"`dvc cache dir` failed: {done.stderr.strip()}")
    return Path(done.stdout.strip()) / "files/md5"


def verify() -> int:
    """Print what was found, and return the exit code: 1 if anything is damaged.

    Raises:
        InputError: dvc.lock or DVC's configuration cannot be read.
    """
    expected, committed = list_outputs(read_lock()), read_committed_lock()
    found = {path: hash_output(Path(path)) for path in expected if Path(path).exists()}
    disk, cache = compare_outputs(expected, found), compare_objects(find_cache(), expected)
    print(disk.describe("outputs on disk", f"equal {LOCK_FILE}"))
    print(cache.describe("objects in DVC's cache", "have the content that their names say"))
    if committed is None:
        print(f"{LOCK_FILE} is not committed, so there is nothing to compare a reproduction with")
    else:
        print(
            compare_outputs(list_outputs(committed), found).describe(
                "deterministic outputs", "equal the committed hashes"
            )
        )
    return 1 if disk.different or cache.different else 0


def main() -> int:
    """Parse the command line, and verify."""
    parser = CommandParser(__doc__)
    parser.add_argument(
        "--retrain",
        nargs="*",
        metavar="PATTERN",
        help="then train trials such as 'sngan-*' again from nothing, and compare: all if no pattern is given",
    )
    parser.add_argument(
        "--share", type=float, default=1.0, help="of these trials, drawn at random (default: 1, all)"
    )
    parser.add_argument("--draw-seed", type=int, default=0, help="of that draw (default: 0)")
    parser.add_argument(
        "--cluster", type=Path, metavar="FILE", help="where they are trained: see docs/cluster.md"
    )
    parser.add_argument(
        "--folder", type=Path, help="keep the clone there, so that an interrupted run goes on"
    )
    arguments = parser.parse_args()
    code = verify()
    if arguments.retrain is None or code:
        return code
    from pipeline.retrain import Request, retrain

    return retrain(
        Request(arguments.retrain, arguments.share, arguments.draw_seed, arguments.cluster, arguments.folder)
    )


if __name__ == "__main__":
    run_command(main)
