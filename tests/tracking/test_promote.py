"""The best generator is a registered model that draws its images without this repository."""

import base64
import io
import json
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.health import is_healthy
from pipeline.tracking.lineage import read_lock
from pipeline.tracking.promote import find_champion, promote_champion
from pipeline.tracking.store import open_store
from pipeline.tracking.sync import read_results, sync
from stages.common.grid import Grid
from tests.driving import call, make_environment
from tests.serving import find_free_port, kill, wait_until

pytestmark = pytest.mark.slow
NAME = "digits-8-classifier"
DRAW = """
import mlflow, numpy
generator = mlflow.pyfunc.load_model("models:/digits-8-classifier@champion")
images = generator.predict({"index": list(range(40))})
numpy.save("images.npy", images)
import stages.networks.generator
assert "/artifacts/" in stages.networks.generator.__file__, stages.networks.generator.__file__
"""


def test_the_champion_draws_the_sample_stages_images_from_an_empty_folder(
    workspace: Path, tmp_path: Path
) -> None:
    sync(open_store())
    champion = find_champion(open_store(), NAME)
    assert champion is not None
    empty = tmp_path / "empty"
    empty.mkdir()
    uri = f"sqlite:///{workspace / 'tracking/mlflow.db'}"
    call(sys.executable, "-c", DRAW, folder=empty, MLFLOW_TRACKING_URI=uri)
    trial, step = "{gan}-{setting}-{seed}".format(**champion.tags), int(champion.tags["generator_step"])
    expected = np.load(workspace / f"samples/{trial}/images_{step:08d}.npy")[:40]
    drawn = np.load(empty / "images.npy")
    assert drawn.dtype == np.uint8
    assert np.array_equal(drawn, expected.transpose(0, 2, 3, 1))


def test_a_served_champion_answers_with_images(workspace: Path, tmp_path: Path) -> None:
    sync(open_store())
    port = find_free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", f"models:/{NAME}@champion"]
    process = subprocess.Popen(
        [*command, "--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)],
        cwd=tmp_path,
        env=make_environment(MLFLOW_TRACKING_URI=f"sqlite:///{workspace / 'tracking/mlflow.db'}"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_until(lambda: is_healthy(f"http://127.0.0.1:{port}/ping"), "the model's server", 120)
        body = {"inputs": {"index": [0, 7]}, "params": {"png": True, "seed": 3}}
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/invocations",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as reply:
            answer = json.load(reply)["predictions"]
        assert len(answer) == 2
        assert Image.open(io.BytesIO(base64.b64decode(answer[0]))).size == (8, 8)
    finally:
        kill(process)


@pytest.mark.usefixtures("workspace")
def test_only_a_better_score_under_the_same_protocol_makes_a_champion() -> None:
    store = open_store()
    runs = sync(store).run_ids
    (first,) = [store.client.get_model_version_by_alias(NAME, "champion")]
    results, _ = read_results(Grid.load().trials(), read_lock())
    entities = {name: store.client.get_run(run_id) for name, run_id in runs.items()}
    loser = max(results, key=lambda result: result.best["best_fid"])
    assert "stays version 1" in promote_champion(store, [loser], entities)
    better = loser._replace(best=loser.best | {"best_fid": 0.001})
    for change in ({"sample_count": 7}, {"reference_sha256": "of other images"}):
        other = better._replace(protocol=better.protocol | change)
        assert "the scores do not compare" in promote_champion(store, [other], entities)
    snapshot = next(Path("models", loser.trial.name).glob("generator_*"))
    content = snapshot.read_bytes()
    snapshot.unlink()
    snapshot.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert "files are not those that were scored" in promote_champion(store, [better], entities)
    snapshot.write_bytes(content)
    champion = find_champion(store, NAME)
    assert champion is not None and champion.version == first.version
    assert f"is now {loser.trial.name}" in promote_champion(store, [better], entities)
    assert "is still" in promote_champion(store, [better], entities)
    assert len(store.client.search_model_versions(f"name = '{NAME}'")) == 2
    winner = min(results, key=lambda result: result.best["best_fid"])
    assert f"is now {winner.trial.name}" in promote_champion(store, [winner], entities, replace=True)
    assert len(store.client.search_model_versions(f"name = '{NAME}'")) == 2
