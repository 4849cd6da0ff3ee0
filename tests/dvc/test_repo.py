"""The repository through DVC's API: the graph, the stale stages, and the results of reproducing a stage."""

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.dvc.repo import DvcError, ReproStatus, read_graph_and_status, reproduce, reproduce_all
from pipeline.dvc.worker import WorkerPool

DVC_YAML = """
stages:
  first:
    cmd: python -m stages.first
    deps: [stages/first.py]
    outs: [one.txt]
  second:
    matrix:
      trial: [a, b]
    cmd: python -m stages.second ${item.trial}
    deps: [one.txt]
    outs: ['two-${item.trial}.txt']
  last:
    cmd: cat two-a.txt two-b.txt > three.txt
    deps: [two-a.txt, two-b.txt]
    outs: [three.txt]
"""
FIRST = "from pathlib import Path\nprint('error: none')\nPath('one.txt').write_text('1')\n"
SECOND = "import sys\nfrom pathlib import Path\nPath(f'two-{sys.argv[1]}.txt').write_text(sys.argv[1])\n"


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    with WorkerPool() as started:
        yield started


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a repository of four stages of which none has run."""
    from dvc.repo import Repo

    monkeypatch.chdir(tmp_path)
    Repo.init(no_scm=True).close()
    (tmp_path / "dvc.yaml").write_text(DVC_YAML)
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages/__init__.py").touch()
    (tmp_path / "stages/first.py").write_text(FIRST)
    (tmp_path / "stages/second.py").write_text(SECOND)
    return tmp_path


@pytest.mark.usefixtures("repository")
def test_the_graph_leads_from_each_stage_to_those_that_need_it(pool: WorkerPool) -> None:
    graph, _ = read_graph_and_status(pool)
    assert set(graph.edges) == {
        ("first", "second@a"),
        ("first", "second@b"),
        ("second@a", "last"),
        ("second@b", "last"),
    }


def test_a_stage_runs_is_up_to_date_is_restored_or_fails(pool: WorkerPool, repository: Path) -> None:
    lines: list[str] = []
    ran = reproduce(pool, "first", lines.append, {})
    assert ran.status is ReproStatus.RAN
    assert ran.command_seconds > 0
    assert lines == ["Running stage 'first':", "> python -m stages.first", "error: none"]
    assert reproduce(pool, "first", lines.append, {}).status is ReproStatus.UP_TO_DATE
    (repository / "one.txt").unlink()
    (repository / "dvc.lock").unlink()
    assert reproduce(pool, "first", lines.append, {}).status is ReproStatus.RESTORED
    (repository / "stages/first.py").write_text("raise SystemExit('broken on purpose')")
    failed = reproduce(pool, "first", lines.append, {})
    assert failed.status is ReproStatus.FAILED
    assert failed.reason.endswith("failed to run: python -m stages.first, exited with 1")
    assert lines[-1] == "broken on purpose"


def test_what_is_stale_is_what_changed_and_all_that_needs_it(pool: WorkerPool, repository: Path) -> None:
    graph, stale = read_graph_and_status(pool)
    assert stale == set(graph)
    assert reproduce_all(pool, graph) == ["first", "second@a", "second@b", "last"]
    assert read_graph_and_status(pool)[1] == set()
    assert reproduce_all(pool, graph) == []
    (repository / "two-a.txt").write_text("changed")
    assert read_graph_and_status(pool)[1] == {"second@a", "last"}


def test_a_repository_that_dvc_refuses_is_refused_in_its_words(pool: WorkerPool, repository: Path) -> None:
    (repository / "dvc.yaml").write_text("stages: {first: {cmd: true, dps: []}}")
    with pytest.raises(DvcError, match="dvc.yaml' is invalid|validation failed"):
        read_graph_and_status(pool)
    (repository / "dvc.yaml").write_text("stages: {}")
    with pytest.raises(DvcError, match="dvc.yaml has no stage"):
        read_graph_and_status(pool)


def test_a_lock_file_cut_anywhere_is_read_or_named(pool: WorkerPool, repository: Path) -> None:
    reproduce(pool, "first", print, {})
    path = repository / "dvc.lock"
    content = path.read_bytes()
    for size in range(0, len(content), 29):
        path.write_bytes(content[:size])
        try:
            _, stale = read_graph_and_status(pool)
        except DvcError as error:
            assert "dvc.lock" in str(error) and "`git checkout dvc.lock`" in str(error)
        else:
            assert "second@a" in stale


@pytest.mark.usefixtures("repository")
def test_with_another_version_of_dvc_everything_works_by_plain_processes(pool: WorkerPool) -> None:
    lines: list[str] = []
    result = reproduce(pool, "first", lines.append, {"COMPARISON_DVC_UNPATCHED": "1"})
    assert result.status is ReproStatus.RAN
    assert lines[-1] == "error: none"
    assert (
        reproduce(pool, "first", lines.append, {"COMPARISON_DVC_UNPATCHED": "1"}).status
        is ReproStatus.UP_TO_DATE
    )


WATCHING = """
  watch:
    always_changed: true
    cmd: python -m stages.watch
    deps: [stages/watch.py]
    outs: [{seen.txt: {persist: true}}]
  use:
    cmd: cp seen.txt used.txt
    deps: [seen.txt]
    outs: [used.txt]
"""


def test_a_stage_that_always_runs_runs_first_and_only_what_it_changes_is_stale(
    pool: WorkerPool, repository: Path
) -> None:
    (repository / "dvc.yaml").write_text(DVC_YAML + WATCHING)
    (repository / "stages/watch.py").write_text(
        "from pathlib import Path\nPath('seen.txt').write_text(Path('watched.txt').read_text())\nprint('seen')\n"
    )
    (repository / "watched.txt").write_text("1")
    graph, stale = read_graph_and_status(pool)
    assert stale == set(graph) - {"watch"}
    assert "watch" not in reproduce_all(pool, graph)
    assert read_graph_and_status(pool)[1] == set()
    (repository / "watched.txt").write_text("2")
    lines: list[str] = []
    assert read_graph_and_status(pool, lines.append)[1] == {"use"}
    assert lines == ["seen"]
    # If an always-changed stage fails, it counts as stale, so that a flow runs it and shows its error.
    (repository / "watched.txt").unlink()
    assert read_graph_and_status(pool)[1] == {"watch", "use"}


def test_a_folder_without_a_git_repository_is_told_with_both_cures(
    repository: Path, pool: WorkerPool
) -> None:
    (repository / ".dvc/config").write_text("")
    with pytest.raises(
        DvcError, match="is not a git repository, and DVC .* `git init .* core.no_scm true`"
    ) as caught:
        read_graph_and_status(pool)
    assert "\n" not in str(caught.value)
    (repository / ".dvc/config.local").write_text("[core]\n    no_scm = true\n")
    assert read_graph_and_status(pool)[1] == {"first", "second@a", "second@b", "last"}


def git(*words: str) -> str:
    return subprocess.run(
        ["git", "-c", "user.name=test", "-c", "user.email=test@localhost", *words],
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@pytest.mark.parametrize("kind", ["its folder", "a linked work tree", "a folder of its own"])
def test_stages_that_end_side_by_side_are_all_added_to_the_index_where_dvc_is_to_do_so(
    kind: str, pool: WorkerPool, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository / ".dvc/config").write_text("[core]\n    autostage = true\n")
    git("init", "--quiet", *(["--separate-git-dir", "elsewhere"] if kind == "a folder of its own" else []))
    (repository / ".gitignore").write_text("elsewhere\ntree\n__pycache__\n")
    git("add", ".")
    git("commit", "--quiet", "--message", "first")
    if kind == "a linked work tree":
        git("worktree", "add", "--quiet", "-b", "trial", "tree")
        monkeypatch.chdir("tree")
    reproduce(pool, "first", print, {})
    with ThreadPoolExecutor() as threads:
        done = threads.map(lambda stage: reproduce(pool, stage, print, {}), ("second@a", "second@b"))
        assert [result.status for result in done] == [ReproStatus.RAN, ReproStatus.RAN]
    assert reproduce(pool, "last", print, {}).status is ReproStatus.RAN
    changed = {line[3:]: line[:2] for line in git("status", "--porcelain").splitlines()}
    # DVC makes the first file itself; nothing else is left to be added, and nothing differs from the index.
    assert changed == {".dvc/.gitignore": "A ", ".gitignore": "M ", "dvc.lock": "A "}
    assert read_graph_and_status(pool)[1] == set()
