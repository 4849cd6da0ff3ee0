"""Create MLflow runs from the results on disk. The stages do not log, so cached and pulled results get runs too."""

import os

from pipeline.proxies import exempt_loopback

# The folder of the embedded store.
FOLDER = "tracking"
# The address of `make ui`, and the port of a served model. They are defined here so that they need no import of MLflow.
UI_HOST = "127.0.0.1"
UI_PORT = 5000
MODEL_PORT = 8000
# This variable holds the address of MLflow for browsers, if it differs from the address that programs call.
UI_URL = "MLFLOW_UI_URL"

# MLflow reads these variables when it is imported. The first two switch its telemetry off.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")
# MLflow's own defaults would retry a server that is down for ten minutes before they report it.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
# Of MLflow's log only warnings and errors are shown.
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
exempt_loopback(os.environ)
