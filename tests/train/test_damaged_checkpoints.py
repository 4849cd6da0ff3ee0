"""A truncated or damaged checkpoint is discarded with a message, and a new training gives the same bytes."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from stages.common.artifacts import Trial
from stages.train.export import export_outputs
from stages.train.record import Checkpoint, commit_checkpoint, open_checkpoint
from stages.train.trial import train_trial

TRIAL = Trial("sngan", "A", 0)


def train() -> dict[str, bytes]:
    export_outputs(train_trial(TRIAL, torch.device("cpu")))
    folders = (Path("models"), Path("results/train"))
    return {
        str(path): path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()
    }


def find(pattern: str) -> Path:
    (path,) = Path(".scratch/train/sngan-A-0").glob(f"*/{pattern}")
    return path


def cut(path: Path, share: float = 0.5) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])


def flip(path: Path) -> None:
    """Change one bit near the end, where only numbers are."""
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


DAMAGES: dict[str, Callable[[], object]] = {
    "an empty state": lambda: find("state_*").write_bytes(b""),
    "half a state": lambda: cut(find("state_*")),
    "a state of another length": lambda: cut(find("state_*"), 0.999),
    "garbage for a state": lambda: find("state_*").write_bytes(b"garbage" * 99),
    "a bit of a state": lambda: flip(find("state_*")),
    "no state": lambda: find("state_*").unlink(),
    "half a snapshot": lambda: cut(find("generator_00000004*")),
    "a bit of a snapshot": lambda: flip(find("discriminator_00000008*")),
    "no snapshot": lambda: find("generator_00000012*").unlink(),
    "half a log": lambda: cut(find("metrics.jsonl")),
    "an empty log": lambda: find("metrics.jsonl").write_bytes(b""),
    "a bit of a log": lambda: flip(find("metrics.jsonl")),
    "half a record": lambda: cut(find("checkpoint.json")),
    "an empty record": lambda: find("checkpoint.json").write_bytes(b""),
    "a record of something else": lambda: find("checkpoint.json").write_text('{"generator_step": 12}'),
    "a record that is no mapping": lambda: find("checkpoint.json").write_text("[1]"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_told_and_leads_to_no_other_result(
    damage: str, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    undisturbed = train()
    DAMAGES[damage]()
    capsys.readouterr()
    assert train() == undisturbed
    printed = capsys.readouterr().out
    assert "sngan-A-0: discarding a damaged checkpoint (.scratch/train/sngan-A-0/" in printed
    assert "the training begins anew" in printed and "resuming" not in printed


@pytest.mark.parametrize("damage", ["", "{", '{"generator_step": 5', "\x00", '{"generator_step": 5}\n'])
def test_damaged_times_change_no_result(
    damage: str, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    undisturbed = train()
    find("timings.jsonl").write_text(damage)
    assert train() == undisturbed
    assert "resuming after generator step 12" in capsys.readouterr().out


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """Return a folder with a checkpoint of two small files."""
    contents = {"state_00000005.safetensors": b"state", "generator_00000004.safetensors": b"snapshot"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "metrics.jsonl").write_bytes(b'{"a": 1}\n{"a": 2}\n{"later')
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    log = hashlib.sha256(b'{"a": 1}\n{"a": 2}\n').hexdigest()
    (tmp_path / "state_00000003.safetensors").write_bytes(b"the one before")
    commit_checkpoint(tmp_path, Checkpoint(5, "state_00000005.safetensors", hashes, 18, log))
    return tmp_path


def test_a_whole_checkpoint_is_found_and_the_state_before_it_removed(scratch: Path) -> None:
    checkpoint = open_checkpoint("x", scratch)
    assert checkpoint is not None and checkpoint.generator_step == 5
    assert [path.name for path in scratch.glob("state_*")] == ["state_00000005.safetensors"]


@pytest.mark.parametrize(
    "name",
    ["checkpoint.json", "state_00000005.safetensors", "generator_00000004.safetensors", "metrics.jsonl"],
)
def test_a_file_cut_anywhere_is_named(name: str, scratch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    contents = {path: path.read_bytes() for path in scratch.iterdir()}
    needed = {"metrics.jsonl": 18}.get(name, len(contents[scratch / name].rstrip()))
    for size in range(needed):
        for path, content in contents.items():
            path.write_bytes(content)
        (scratch / name).write_bytes(contents[scratch / name][:size])
        assert open_checkpoint("x", scratch) is None
        assert name in capsys.readouterr().out
        assert list(scratch.iterdir()) == []
