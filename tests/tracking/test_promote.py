"""The best generator is a registered model that generates its images without this repository."""

import base64
import http.client
import io
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

from pipeline.health import is_healthy
from pipeline.tracking.lineage import read_lock
from pipeline.tracking.model_versions import find_champion
from pipeline.tracking.promote import promote_champion
from pipeline.tracking.store import open_store
from pipeline.tracking.sync import read_results, sync
from stages.common.grid import Grid
from tests.driving import call, make_environment
from tests.serving import find_free_port, kill, wait_until

pytestmark = pytest.mark.slow
NAME = "digits-8-classifier"
BAD_INDICES: list[object] = [
    [-1],
    [1_000_001],
    [2**70],
    [True],
    [0.5],
    ["0"],
    [None],
    [[0]],
    [{}],
    "0",
    [],
    list(range(156_251)),
]


def read_name() -> str:
    return str(open_store().client.search_registered_models()[0].name)


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


@pytest.fixture
def served(synced: Path) -> Iterator[str]:
    """Serve the champion with the project's own server; yields the address."""
    port = find_free_port()
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "pipeline.tracking",
            "model",
            f"models:/{read_name()}@champion",
            f"--port={port}",
        ],
        env=make_environment(MLFLOW_TRACKING_URI=f"sqlite:///{synced / 'tracking/mlflow.db'}"),
        start_new_session=True,
    )
    try:
        wait_until(lambda: is_healthy(f"http://127.0.0.1:{port}/ping"), "the model's server", 120)
        yield f"http://127.0.0.1:{port}/invocations"
    finally:
        kill(process)


def ask(address: str, body: object, **headers: str) -> tuple[int, str]:
    """Send a request, as JSON unless it is bytes; return status and answer."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {name.replace("_", "-"): value for name, value in headers.items() if value}
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
    connection.request("POST", urlsplit(address).path, data, headers)
    with closing(connection):
        reply = connection.getresponse()
        return reply.status, reply.read().decode()


def test_a_served_champion_answers_with_images_and_refuses_the_rest_in_one_line(served: str) -> None:
    kind = {"Content_Type": "application/json"}
    status, answer = ask(served, {"inputs": {"index": [0, 7]}, "params": {"png": True, "seed": 3}}, **kind)
    pictures = json.loads(answer)["predictions"]
    assert status == 200 and len(pictures) == 2
    assert Image.open(io.BytesIO(base64.b64decode(pictures[0]))).size == (8, 8)
    began = time.monotonic()
    assert ask(served, {"inputs": {"index": [1_000_000]}}, **kind)[0] == 200
    assert time.monotonic() - began < 5
    refused: list[tuple[int, object, dict[str, str]]] = [
        *((400, {"inputs": {"index": value}}, kind) for value in BAD_INDICES[:-1]),
        (413, {"inputs": {"index": BAD_INDICES[-1]}}, kind),
        (400, {"inputs": {"index": [0] * 156_251}}, kind),
        (400, {"inputs": {"index": [0], "label": [1]}}, kind),
        (400, {"inputs": {"index": [0]}, "params": {"seed": "three"}}, kind),
        (400, {"inputs": {"index": [0]}, "params": {"steps": 3}}, kind),
        (400, {"inputs": {"index": [0]}, "params": [3]}, kind),
        (400, {"inputs": {"index": [0], "colour": [1]}}, kind),
        (400, {"index": [0]}, kind),
        (400, b"{", kind),
        (400, b"[" * 1000, kind),
        (400, b"\xff\xfe", kind),
        (413, {"inputs": {"index": [0] * 500_000}}, kind),
        (415, {"inputs": {"index": [0]}}, {}),
        (415, b"index\n0\n", {"Content_Type": "text/csv"}),
        (415, b"PAR1", {"Content_Type": "application/vnd.apache.parquet"}),
        (403, {"inputs": {"index": [0]}}, kind | {"Host": "evil.example"}),
        (403, {"inputs": {"index": [0]}}, kind | {"Origin": "http://evil.example"}),
    ]
    for expected, body, headers in refused:
        status, answer = ask(served, body, **headers)
        assert status == expected, (body, answer)
        assert "Traceback" not in answer and str(Path.cwd()) not in answer and "site-packages" not in answer
        assert len(answer) < 1000 and "stack_trace" not in answer


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
        assert "cannot be compared" in promote_champion(store, [other], entities)
    snapshot = next(Path("models", loser.trial.name).glob("generator_*"))
    content = snapshot.read_bytes()
    snapshot.unlink()
    snapshot.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert "files differ from those that were scored" in promote_champion(store, [better], entities)
    snapshot.write_bytes(content)
    champion = find_champion(store, NAME)
    assert champion is not None and champion.version == first.version
    assert f"is now {loser.trial.name}" in promote_champion(store, [better], entities)
    assert "is still" in promote_champion(store, [better], entities)
    assert len(store.client.search_model_versions(f"name = '{NAME}'")) == 2
    winner = min(results, key=lambda result: result.best["best_fid"])
    assert f"is now {winner.trial.name}" in promote_champion(store, [winner], entities, replace=True)
    assert len(store.client.search_model_versions(f"name = '{NAME}'")) == 2
