"""MLflow's server, answering its own pages and programs alone.

`mlflow server` would let pages of every other port of this machine change runs, and start MLflow's assistant: a coding
agent that runs commands as the user who started the server. No option forbids that, and none adds a middleware, so the
application is served here, with the environment that `mlflow server` gives it.
"""

import os
import signal
import warnings
from collections.abc import Collection, MutableMapping
from pathlib import Path

import uvicorn

from pipeline.same_origin import SameOriginMiddleware, list_own_names
from pipeline.tracking.start_page import StartPageMiddleware

ASSISTANT = "/ajax-api/3.0/mlflow/assistant"
# The artifacts of new experiments go through the server.
PROXIED_ARTIFACTS = "mlflow-artifacts:/"


def serve_store(
    uri: str,
    host: str,
    port: int,
    allowed_hosts: Collection[str] = (),
    artifact_root: str = PROXIED_ARTIFACTS,
    artifacts_destination: str | None = None,
) -> None:
    """Serve until interrupted.

    Args:
        uri: the URI of the database.
        host: the address to listen at.
        port: the port to listen at.
        allowed_hosts: further host names at which browsers and programs call the server.
        artifact_root: where new experiments keep their artifacts.
        artifacts_destination: where the server keeps those that go through it; None for MLflow's default.
    """
    own_names = list_own_names(host, allowed_hosts)
    prepare_environment(os.environ, uri, own_names, artifact_root, artifacts_destination)
    # Imported only now: MLflow reads the environment when it is imported.
    with warnings.catch_warnings():
        # It uses parts of other packages that will be removed, which is of no use to a person who starts it.
        warnings.simplefilter("ignore")
        from mlflow.server import REL_STATIC_DIR
        from mlflow.server import __file__ as package
        from mlflow.server.fastapi_app import app
        from mlflow.server.handlers import initialize_backend_stores

    initialize_backend_stores(uri, uri, artifact_root)
    # uvicorn ends in order and then raises the signal again, which here means the same as an exit.
    signal.signal(signal.SIGTERM, lambda *_: None)
    pages = StartPageMiddleware(app, Path(package).parent / REL_STATIC_DIR / "index.html")
    uvicorn.run(
        SameOriginMiddleware(pages, own_names, [ASSISTANT]), host=host, port=port, log_level="warning"
    )


def prepare_environment(
    environment: MutableMapping[str, str],
    uri: str,
    allowed_hosts: Collection[str],
    artifact_root: str,
    artifacts_destination: str | None,
) -> None:
    """Put into the environment what MLflow's application reads there.

    Args:
        environment: that of this process, which has not imported MLflow's server yet.
        uri: the URI, as in `serve_store`.
        allowed_hosts: the allowed hosts at which the server may be called.
        artifact_root: the artifact root, as in `serve_store`.
        artifacts_destination: the artifacts destination, as in `serve_store`.
    """
    # Those of other servers, which a user's shell may hold.
    for name in [name for name in environment if name.startswith(("MLFLOW_SERVER_", "_MLFLOW_SERVER_"))]:
        del environment[name]
    # In these patterns a bracket is written as a set of one.
    hosts = [f"[[]{name}]" if ":" in name else name for name in allowed_hosts]
    environment["MLFLOW_SERVER_ALLOWED_HOSTS"] = ",".join(
        f"{host}{port}" for host in hosts for port in ("", ":*")
    )
    # The queue of evaluation jobs would keep processes of its own running, for nothing.
    environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
    # Imported only now: it makes the application, which reads the above.
    from mlflow.server import constants

    environment[constants.BACKEND_STORE_URI_ENV_VAR] = uri
    environment[constants.REGISTRY_STORE_URI_ENV_VAR] = uri
    environment[constants.ARTIFACT_ROOT_ENV_VAR] = artifact_root
    environment[constants.SERVE_ARTIFACTS_ENV_VAR] = "true"
    if artifacts_destination is not None:
        environment[constants.ARTIFACTS_DESTINATION_ENV_VAR] = artifacts_destination
