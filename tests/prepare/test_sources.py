"""The sources: their order, what each does when it fails, the cache, and real downloads from a local server."""

import gzip
import hashlib
import shutil
import socket
import time
from collections.abc import Iterator
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from stages.prepare import debian, downloads, idx, sources
from stages.prepare.downloads import Published
from stages.prepare.sources import CACHE, load_dataset

SMALL = {
    f"{prefix}-{kind}-ubyte": header + bytes(range(count))
    for prefix, images in (("train", 3), ("t10k", 2))
    for kind, header, count in (
        ("images-idx3", b"\0\0\x08\x03\0\0\0" + bytes([images]) + b"\0\0\0\2\0\0\0\2", images * 4),
        ("labels-idx1", b"\0\0\x08\x01\0\0\0" + bytes([images]), images),
    )
}


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(autouse=True)
def small_fashion_mnist(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Pin the checksums of four small files, and hide the sources that this machine may have."""
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in SMALL.items()}
    monkeypatch.setitem(idx.CHECKSUMS, "fashion_mnist", digests)
    monkeypatch.setattr(sources, "SYSTEM_FOLDER", tmp_path / "system")
    monkeypatch.setenv("PATH", str(tmp_path / "no-programs"))
    publish(monkeypatch, [])


def publish(monkeypatch: pytest.MonkeyPatch, mirrors: list[str], damaged: str = "") -> None:
    files = {f"{name}.gz": gzip.compress(content, mtime=0) for name, content in SMALL.items()}
    checksums = {
        name: hashlib.md5(content, usedforsecurity=False).hexdigest() for name, content in files.items()
    }
    if damaged:
        checksums[damaged] = "0" * 32
    monkeypatch.setattr(downloads, "find_published", lambda name: Published(mirrors, checksums))


def write_files(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name, content in SMALL.items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(content, mtime=0))
    return folder


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[str]:
    folder = write_files(tmp_path / "mirror")
    server = HTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder)))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def silent_mirror() -> Iterator[str]:
    """Accept connections and never answer."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"


def test_a_path_is_read_and_no_other_source_is_tried(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_files(tmp_path / "system")
    folder = write_files(tmp_path / "mine")
    dataset = load_dataset("fashion_mnist", folder)
    assert dataset.source == ("local path", str(folder), idx.ORIGINAL)
    assert "trying" not in capsys.readouterr().err


@pytest.mark.parametrize("name", ["fashion_mnist", "mnist", "cifar10", "image_folder"])
def test_a_wrong_path_fails_at_once_and_does_not_fall_through(tmp_path: Path, name: str) -> None:
    write_files(tmp_path / "system")
    with pytest.raises(ValueError, match=r"prepare.path = '.*nowhere' does not exist \(relative to "):
        load_dataset(name, tmp_path / "nowhere")


def test_the_system_folder_comes_first(tmp_path: Path) -> None:
    write_files(tmp_path / "system")
    dataset = load_dataset("fashion_mnist", None)
    assert dataset.source == ("system folder", str(tmp_path / "system"), idx.ORIGINAL)
    assert not CACHE.exists()


def test_a_system_folder_with_other_content_is_passed_over(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "system")
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(b"\0\0\x08\x01\0\0\0\2\7\7"))
    with pytest.raises(ValueError, match="the checksums of the files in .*system are not the published ones"):
        load_dataset("fashion_mnist", None)


def test_a_download_is_checked_cached_and_not_repeated(mirror: str, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(monkeypatch, [mirror])
    first = load_dataset("fashion_mnist", None)
    assert first.source == ("torchvision's download", mirror, idx.ORIGINAL)
    publish(monkeypatch, [])
    second = load_dataset("fashion_mnist", None)
    assert second.source == first.source
    for split in ("train", "test"):
        assert second.splits[split].labels.tolist() == first.splits[split].labels.tolist()


def test_the_second_mirror_is_used_when_the_first_has_no_files(
    mirror: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(monkeypatch, [f"{mirror}moved/", mirror])
    assert load_dataset("fashion_mnist", None).source.location == mirror


def test_a_damaged_cache_is_deleted_and_downloaded_again(
    mirror: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(monkeypatch, [mirror])
    load_dataset("fashion_mnist", None)
    cached = CACHE / "fashion_mnist/torchvision/train-labels-idx1-ubyte.gz"
    cached.write_bytes(gzip.compress(b"\0\0\x08\x01\0\0\0\3\0\0\0"))
    dataset = load_dataset("fashion_mnist", None)
    assert dataset.splits["train"].labels.tolist() == [0, 1, 2]
    assert "deleted .cache/datasets/fashion_mnist/torchvision" in capsys.readouterr().err


def test_a_download_with_a_wrong_checksum_leaves_nothing(
    mirror: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(monkeypatch, [mirror], damaged="t10k-images-idx3-ubyte.gz")
    with pytest.raises(ValueError, match="was reached, but the download failed: File not found or corrupted"):
        load_dataset("fashion_mnist", None)
    assert list((CACHE / "fashion_mnist").iterdir()) == []


def test_the_remains_of_a_killed_download_are_deleted(mirror: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (CACHE / "fashion_mnist/.part-old/torchvision").mkdir(parents=True)
    publish(monkeypatch, [mirror])
    load_dataset("fashion_mnist", None)
    assert [path.name for path in (CACHE / "fashion_mnist").iterdir()] == ["torchvision"]


def test_a_mirror_that_sends_nothing_times_out(silent_mirror: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "TIMEOUT_SECONDS", 0.5)
    publish(monkeypatch, [silent_mirror, silent_mirror])
    start = time.monotonic()
    with pytest.raises(ValueError, match="gave no answer within 0.5 s|timed out"):
        downloads.download("fashion_mnist", Path())
    assert time.monotonic() - start < 10


def test_a_host_name_that_resolves_slowly_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "TIMEOUT_SECONDS", 0.5)

    def answer_late(*_: object, **__: object) -> list[object]:
        time.sleep(3)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", answer_late)
    with pytest.raises(ValueError, match="http://slow.invalid/ gave no answer within 0.5 s"):
        downloads._choose_mirror(Published(["http://slow.invalid/"], {"file": ""}))


def test_when_no_source_works_the_error_names_each_with_its_reason_and_a_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publish(monkeypatch, ["http://127.0.0.1:9/"])
    with pytest.raises(ValueError, match="no source of fashion_mnist works") as caught:
        load_dataset("fashion_mnist", None)
    _, system, cache, download, package, remedy = str(caught.value).splitlines()
    assert system.endswith("it is missing (`sudo apt-get install dataset-fashion-mnist` installs it)")
    assert cache == "  - the cache .cache/datasets: it does not hold a complete download"
    assert download.startswith("  - torchvision's download: http://127.0.0.1:9/ cannot be reached (")
    assert package.endswith("apt-get and dpkg-deb not found: this system is not Debian or Ubuntu")
    assert remedy.startswith("To fix this, get its four .gz files on another machine and set prepare.path")


def test_a_full_disk_is_the_error_and_not_a_failure_of_a_source(monkeypatch: pytest.MonkeyPatch) -> None:
    def fill_disk(name: str, folder: Path) -> str:
        with Path("/dev/full").open("wb") as file:
            file.write(b"x")
        return name

    monkeypatch.setitem(
        sources.SOURCES, "mnist", (("a download", partial(sources._download, "torchvision", fill_disk)),)
    )
    with pytest.raises(OSError, match=r"No space left on device: '.cache/datasets/mnist'"):
        load_dataset("mnist", None)


def test_digits_come_with_scikit_learn_in_full_range() -> None:
    dataset = load_dataset("digits", None)
    train = dataset.splits["train"]
    images = np.stack([np.asarray(train.open_image(index)) for index in range(len(train.labels))])
    assert images.shape == (1497, 8, 8)
    assert (images.min(), images.max()) == (0, 255)
    assert len(dataset.splits["test"].labels) == 300


def test_torchvision_still_lists_the_four_files_and_mirrors() -> None:
    for name in ("mnist", "fashion_mnist"):
        published = REAL_FIND_PUBLISHED(name)
        assert set(published.checksums) == {f"{file}.gz" for file in SMALL}
        assert published.mirrors
        assert all(mirror.startswith("http") and mirror.endswith("/") for mirror in published.mirrors)


REAL_FIND_PUBLISHED = downloads.find_published
REAL_CHECKSUMS = dict(idx.CHECKSUMS["fashion_mnist"])
REAL_APT = shutil.which("apt-get")


@pytest.mark.slow
@pytest.mark.skipif(REAL_APT is None, reason="apt-get is missing: this system is not Debian or Ubuntu")
def test_the_debian_package_holds_the_published_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin:/usr/sbin:/sbin")
    monkeypatch.setitem(idx.CHECKSUMS, "fashion_mnist", REAL_CHECKSUMS)
    try:
        package = debian.fetch_package(tmp_path)
    except ValueError as error:
        pytest.skip(f"no package mirror can be reached: {error}")
    dataset = idx.load_idx("fashion_mnist", tmp_path, "Debian's package", package)
    assert dataset.source.checked == idx.ORIGINAL
    assert np.bincount(dataset.splits["train"].labels).tolist() == [6000] * 10
    assert np.bincount(dataset.splits["test"].labels).tolist() == [1000] * 10


@pytest.mark.slow
@pytest.mark.skipif(REAL_APT is None, reason="apt-get is missing: this system is not Debian or Ubuntu")
def test_without_package_lists_they_are_fetched_without_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin:/usr/sbin:/sbin")
    (tmp_path / "empty/partial").mkdir(parents=True)
    configuration = tmp_path / "apt.conf"
    configuration.write_text(f'Dir::State::lists "{tmp_path}/empty";\n')
    monkeypatch.setenv("APT_CONFIG", str(configuration))
    try:
        package = debian.fetch_package(tmp_path)
    except ValueError as error:
        pytest.skip(f"no package mirror can be reached: {error}")
    assert package.startswith("dataset-fashion-mnist_")
