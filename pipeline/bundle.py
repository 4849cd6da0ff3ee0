"""The state of the head's working tree as a Git bundle: the commit with all that is not committed yet."""

import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from stages.common.errors import InputError

BRANCH = "comparison"
# Results are DVC's; what Git holds is code and documents.
LARGEST_BYTES = 256 * 1024 * 1024
# One tree has one commit, whoever bundles it and when.
IDENTITY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "comparison"), ("EMAIL", "comparison@localhost"), ("DATE", "@0 +0000"))
}


@dataclass(frozen=True)
class Bundle:
    """A state of the working tree.

    Attributes:
        tree: Git's hash of all files that it tracks or would add.
        content: a bundle with one branch, `comparison`, of one commit.
    """

    tree: str
    content: bytes


def bundle_working_tree() -> Bundle:
    """Bundle the repository of the working folder as it is, committed or not, without what Git ignores.

    Neither the index nor a branch of the repository changes.

    Raises:
        InputError: this is no Git repository, or its files are too large to be sent.
    """
    with tempfile.TemporaryDirectory(prefix="comparison-") as name:
        folder = Path(name)
        (folder / "objects").mkdir()
        objects = _git("rev-parse", "--git-path", "objects").strip()
        # What is new is written into the folder, and goes with it.
        environment = IDENTITY | {
            "GIT_INDEX_FILE": str(folder / "index"),
            "GIT_OBJECT_DIRECTORY": str(folder / "objects"),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(Path(objects).resolve()),
        }
        _git("add", "--all", ".", environment=environment)
        tree = _git("write-tree", environment=environment).strip()
        commit = _git("commit-tree", tree, "-m", "state", environment=environment).strip()
        # A bundle holds branches, and this repository is to get none.
        bare = folder / "bare.git"
        _git("init", "--quiet", "--bare", str(bare))
        environment |= {"GIT_DIR": str(bare)}
        _git("update-ref", f"refs/heads/{BRANCH}", commit, environment=environment)
        path = folder / "state.bundle"
        _git("bundle", "create", "--quiet", str(path), BRANCH, environment=environment)
        size = path.stat().st_size
        if size > LARGEST_BYTES:
            raise InputError(
                f"the files of this repository that Git does not ignore make {size:,} bytes, which every clone would "
                f"get; allowed are {LARGEST_BYTES:,}: let .gitignore name what no stage needs"
            )
        return Bundle(tree, path.read_bytes())


def _git(*arguments: str, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        ["git", *arguments],
        env=os.environ | (environment or {}),
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        raise InputError(
            f"clones get the state of the working tree from Git, and `git {arguments[0]}` failed: "
            f"{done.stderr.strip() or done.returncode}"
        )
    return done.stdout
