"""A Prefect flow that runs DVC's stages in parallel, once or on a schedule. DVC alone decides which are stale."""

import os
from pathlib import Path

from pipeline.proxies import exempt_loopback

# Prefect's database, profiles and results are in the project's folder, unless the user sets PREFECT_HOME.
HOME = Path(".prefect")
SERVER_HOST = "127.0.0.1"
SERVER_PORT = 4200

# Prefect reads these variables when it is imported.
os.environ.setdefault("PREFECT_HOME", str(HOME.resolve()))
# No tool that the project starts reports usage statistics.
os.environ.setdefault("DO_NOT_TRACK", "true")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DVC_NO_ANALYTICS", "1")
# On a busy machine the server of a single flow takes longer than Prefect's 20 seconds.
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")
exempt_loopback(os.environ)
