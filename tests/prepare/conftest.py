"""Every test works in an empty folder of its own, as the stage works in the repository's root."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "workplace"
    place.mkdir()
    monkeypatch.chdir(place)
    return place
