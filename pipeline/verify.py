"""Hash every output on disk and every object in DVC's cache, and compare them with the present and committed dvc.lock.

`make verify`, or `python -m pipeline.verify`. DVC itself only compares the size and time of files that it has hashed
before, and trusts that an object in its cache has the content that its name says. So it restores a damaged object
without a warning.
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
    """The result of comparing files with their expected hashes.

    Attributes:
        equal: the number of files that have the expected hash.
        different: the names of files that have another hash.
        missing: the names of files that do not exist.
    """

    equal: int
    different: list[str]
    missing: list[str]

    def describe(self, things: str, equal: str) -> str:
        """Say how many files are equal, how many are missing (which is no fault), and which ones differ.

        Args:
            things: the noun for the files, such as "outputs on disk".
            equal: the predicate of the equal ones, such as "equal dvc.lock".
        """
        total = self.equal + len(self.different)
        lines = [f"{self.equal} of {total} {things} {equal}"]
        if self.missing:
            lines[0] += f"; {len(self.missing)} more are not there"
        return "\n".join(lines + [f"  differs: {name}" for name in self.different])


def list_outputs(lock: Lock) -> dict[str, str]:
    """List the MD5 of every output in a dvc.lock by the output's path; the MD5 of a folder ends with `.dir`."""
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
    """Compare the content of the cached objects of outputs with the MD5s that name them.

    Args:
        cache: the folder with the objects: `files/md5` of DVC's cache.
        outputs: the MD5s of the outputs by path.
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
    """List the objects of outputs. A folder has an object that lists its files, and one object for each file."""
    for md5 in outputs:
        yield md5
        path = cache / md5[:2] / md5[2:]
        if md5.endswith(FOLDER_END) and path.is_file():
            try:
                yield from [entry["md5"] for entry in json.loads(path.read_bytes())]
            except (ValueError, KeyError, TypeError):
                # A listing that cannot be read is damaged, and `compare_objects` reports it.
                continue


def read_committed_lock() -> Lock | None:
    """Read the dvc.lock of the last commit; None if it has none."""
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
    """Print the comparisons, and return the exit code: 1 if an output or a cached object differs, else 0.

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
        help="then train the trials that match, such as 'sngan-*', again from nothing, and compare (default: all)",
    )
    parser.add_argument(
        "--share", type=float, default=1.0, help="share of these trials, drawn at random (default: 1, all)"
    )
    parser.add_argument("--draw-seed", type=int, default=0, help="seed of the random draw (default: 0)")
    parser.add_argument(
        "--cluster", type=Path, metavar="FILE", help="the cluster that trains them: see docs/cluster.md"
    )
    parser.add_argument(
        "--folder", type=Path, help="keep the clone in this folder, so that an interrupted run can go on"
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
