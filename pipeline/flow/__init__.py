"""One Prefect flow over DVC's stages: side by side, live, scheduled. DVC alone decides what is stale."""

import os
from pathlib import Path

from pipeline.proxies import exempt_loopback

# Prefect's state: its database, profiles, results. In the project, unless the user says where; never the home folder.
HOME = Path(".prefect")
SERVER_HOST = "127.0.0.1"
SERVER_PORT = 4200

# Prefect reads these when it is imported.
os.environ.setdefault("PREFECT_HOME", str(HOME.resolve()))
# No tool that we start reports to anyone.
os.environ.setdefault("DO_NOT_TRACK", "true")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DVC_NO_ANALYTICS", "1")
# On a busy machine the server of a single flow takes longer than Prefect's 20 seconds.
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")
exempt_loopback(os.environ)
