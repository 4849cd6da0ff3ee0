"""Pack the working tree, with its uncommitted changes, into a Git bundle of one commit."""

import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from stages.common.errors import InputError

BRANCH = "comparison"
# Results are tracked by DVC. Git tracks only code and documents, so a bundle is small.
LARGEST_BYTES = 256 * 1024 * 1024
# A constant author and date give a tree the same commit hash, whoever bundles it and whenever.
IDENTITY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "comparison"), ("EMAIL", "comparison@localhost"), ("DATE", "@0 +0000"))
}


@dataclass(frozen=True)
class Bundle:
    """A state of the working tree.

    Attributes:
        tree: the Git tree hash of all files that Git tracks or that `git add --all` would add.
        content: the bytes of a Git bundle with one branch, `comparison`, which has one commit.
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
        # New Git objects are written into the temporary folder, and are removed with it.
        environment = IDENTITY | {
            "GIT_INDEX_FILE": str(folder / "index"),
            "GIT_OBJECT_DIRECTORY": str(folder / "objects"),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(Path(objects).resolve()),
        }
        _git("add", "--all", ".", environment=environment)
        tree = _git("write-tree", environment=environment).strip()
        commit = _git("commit-tree", tree, "-m", "state", environment=environment).strip()
        # A bundle needs a branch. It is made in a temporary bare repository, so that this one gets no new branch.
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
