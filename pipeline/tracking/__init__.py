"""From files on disk to MLflow: the stages know nothing of it, so a cached or pulled result gets its run too."""

import os

# Where `make ui` serves. Here, so that the command line knows it without importing MLflow.
UI_HOST = "127.0.0.1"
UI_PORT = 5000

# No tool that we start reports to anyone. MLflow reads this when it is imported.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")
# A server that is down is told at once, not after MLflow's ten minutes of trying again.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
# Of what MLflow says while it works, only what is amiss.
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
