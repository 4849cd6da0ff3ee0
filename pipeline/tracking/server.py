"""Serve MLflow to its own pages and to programs only.

`mlflow server` would let pages of any other port of this machine change runs and start MLflow's assistant, a coding
agent that runs commands as the user who started the server. No option of `mlflow server` forbids this or adds a
middleware. So this module serves MLflow's application itself, with the environment that `mlflow server` would set.
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
# With this root, clients send the artifacts of new experiments through the server.
PROXIED_ARTIFACTS = "mlflow-artifacts:/"


def serve_store(
    uri: str,
    host: str,
    port: int,
    allowed_hosts: Collection[str] = (),
    artifact_root: str = PROXIED_ARTIFACTS,
    artifacts_destination: str | None = None,
) -> None:
    """Serve MLflow until interrupted.

    Args:
        uri: the URI of the database.
        host: the address to listen at.
        port: the port to listen at.
        allowed_hosts: further host names at which browsers and programs call the server.
        artifact_root: the URI below which new experiments keep their artifacts.
        artifacts_destination: the folder or URI in which the server stores artifacts that clients send through it; None
            for MLflow's default.
    """
    own_names = list_own_names(host, allowed_hosts)
    prepare_environment(os.environ, uri, own_names, artifact_root, artifacts_destination)
    # MLflow reads the environment when it is imported, so these imports come late.
    with warnings.catch_warnings():
        # MLflow's import prints deprecation warnings of other packages, which do not help a user.
        warnings.simplefilter("ignore")
        from mlflow.server import REL_STATIC_DIR
        from mlflow.server import __file__ as package
        from mlflow.server.fastapi_app import app
        from mlflow.server.handlers import initialize_backend_stores

    initialize_backend_stores(uri, uri, artifact_root)
    # uvicorn handles SIGTERM, shuts down in order, and then raises the signal again. It is ignored, so that the process
    # exits normally.
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
    """Set the environment variables that MLflow's application reads.

    Args:
        environment: the environment of this process, which must not have imported MLflow's server yet.
        uri: the URI of the database.
        allowed_hosts: the host names at which the server may be called.
        artifact_root: the artifact root, as in `serve_store`.
        artifacts_destination: the artifacts destination, as in `serve_store`.
    """
    # A user's shell may hold variables of another server.
    for name in [name for name in environment if name.startswith(("MLFLOW_SERVER_", "_MLFLOW_SERVER_"))]:
        del environment[name]
    # MLflow reads the hosts as glob patterns, in which `[[]` stands for a literal bracket.
    hosts = [f"[[]{name}]" if ":" in name else name for name in allowed_hosts]
    environment["MLFLOW_SERVER_ALLOWED_HOSTS"] = ",".join(
        f"{host}{port}" for host in hosts for port in ("", ":*")
    )
    # The queue of evaluation jobs, which is not used, would keep processes running.
    environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
    # This import creates the application, which reads the variables above.
    from mlflow.server import constants

    environment[constants.BACKEND_STORE_URI_ENV_VAR] = uri
    environment[constants.REGISTRY_STORE_URI_ENV_VAR] = uri
    environment[constants.ARTIFACT_ROOT_ENV_VAR] = artifact_root
    environment[constants.SERVE_ARTIFACTS_ENV_VAR] = "true"
    if artifacts_destination is not None:
        environment[constants.ARTIFACTS_DESTINATION_ENV_VAR] = artifacts_destination
