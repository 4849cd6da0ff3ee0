"""The stage with random weights instead of the published ones, which are a download."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.inception_weights import draw_images, make_weights
from stages.common.artifacts import hash_file
from stages.scores import weights_files
from stages.scores.card import WEIGHTS, write_card
from stages.scores.extractor import load_extractor
from stages.scores.extractors import inception
from stages.scores.extractors.inception import Options

CPU = torch.device("cpu")
PARAMS = Options(weights_path=None, precision="float32")


@pytest.mark.slow
def test_published_weights_become_an_extractor_of_the_given_precision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(make_weights(), "published.pth")
    sha256 = hash_file(Path("published.pth"))
    monkeypatch.setattr(inception, "SHA256", sha256)
    card = inception.make(Options(weights_path="published.pth", precision="bfloat16"), CPU)
    write_card(card)
    assert (card.precision, card.weights_sha256) == ("bfloat16", sha256)
    images = draw_images(2, 28, channels=1).numpy()
    features, logits = next(iter(load_extractor(CPU).extract(images)))
    assert (features.shape, logits.shape) == ((2, 2048), (2, 1008))
    assert np.isfinite(features).all() and features.std(axis=0).max() > 0.0


def test_a_file_with_another_checksum_is_not_unpickled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("an unknown file was unpickled"))
    (tmp_path / "other.pth").write_bytes(b"something else")
    with pytest.raises(ValueError, match="other.pth has the sha256 .*, expected 6726825d"):
        inception.make(Options(weights_path="other.pth", precision="float32"), CPU)
    assert not WEIGHTS.exists()


def test_a_missing_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="weights_path = 'nowhere.pth' does not exist"):
        inception.make(Options(weights_path="nowhere.pth", precision="float32"), CPU)


def test_a_failed_download_names_the_remedies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(inception, "URL", "http://127.0.0.1:9/weights.pth")
    with pytest.raises(ValueError, match="cannot be downloaded .* set extractor.name to classifier"):
        inception.make(PARAMS, CPU)
    assert not list(tmp_path.rglob("*.pth"))


class Handler(SimpleHTTPRequestHandler):
    """Serves a folder and records the requests."""

    requests: list[str]

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        self.requests.append(self.path)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Serve a folder over HTTP as the source of the weights."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "served"
    folder.mkdir()
    Handler.requests = []
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        monkeypatch.setattr(inception, "URL", f"http://127.0.0.1:{running.server_port}/weights.pth")
        yield folder
        running.shutdown()
        thread.join()


def test_a_wrong_download_is_deleted_repeated_once_and_refused(server: Path) -> None:
    (server / "weights.pth").write_bytes(b"a proxy's page")
    with pytest.raises(
        ValueError, match="sha256 .*, expected 6726825d.*in 2 attempts.* set extractor.name to classifier"
    ):
        inception.make(PARAMS, CPU)
    assert Handler.requests == ["/weights.pth"] * 2
    assert not list(weights_files.CACHE.iterdir())
    assert not WEIGHTS.exists()


def test_a_damaged_copy_in_the_cache_is_replaced(server: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save({"fc.weight": torch.ones(2)}, server / "weights.pth")
    sha256 = hash_file(server / "weights.pth")
    monkeypatch.setattr(inception, "SHA256", sha256)
    cached = weights_files.CACHE / "weights.pth"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"half of it")
    inception.make(PARAMS, CPU)
    inception.make(PARAMS, CPU)
    assert Handler.requests == ["/weights.pth"]
    assert hash_file(cached) == sha256
    assert WEIGHTS.exists()


def test_the_file_of_a_second_attempt_is_used_if_it_is_the_right_one(
    server: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (server / "weights.pth").write_bytes(b"a proxy's page")
    torch.save({"fc.weight": torch.ones(2)}, server / "right.pth")
    monkeypatch.setattr(inception, "SHA256", hash_file(server / "right.pth"))
    # The server gets the right file after it has answered the first request.
    monkeypatch.setattr(
        weights_files,
        "print",
        lambda *_, **__: _move_once(server / "right.pth", server / "weights.pth"),
        raising=False,
    )
    inception.make(PARAMS, CPU)
    assert Handler.requests == ["/weights.pth"] * 2
    assert WEIGHTS.exists()


def _move_once(source: Path, target: Path) -> None:
    if Handler.requests and source.exists():
        source.replace(target)
