"""A replacement of `pipeline.cluster.agent` for a simulated cluster: each stage only sleeps, and needs only Python.

It follows the agent's protocol: like a training, it prints a line every ten seconds and logs a row every second.
"""

import json
import shutil
import sys
import threading
import time

LINE_SECONDS = 10.0
ROW_SECONDS = 1.0
SECONDS = "SLEEP_SECONDS"
_WRITING = threading.Lock()


def send(**message: object) -> None:
    """Send one message to the worker."""
    with _WRITING:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


def run(request: dict[str, object]) -> None:
    """Sleep for the duration of a stage, and send its result."""
    environment, stage = request["environment"], str(request["run"])
    assert isinstance(environment, dict)
    seconds = float(environment[SECONDS])
    began, next_line, sent = time.monotonic(), LINE_SECONDS, 0
    while (left := seconds - (time.monotonic() - began)) > 0:
        time.sleep(min(ROW_SECONDS, left))
        if stage.startswith("train@"):
            row = json.dumps({"generator_step": sent, "loss": 0.5}) + "\n"
            send(log={"training": "key", "name": "metrics.jsonl", "start": sent, "content": row})
            sent += len(row)
        if time.monotonic() - began > next_line:
            next_line += LINE_SECONDS
            send(line=f"{stage}: generator step {sent}/{10**6}, epoch 0.1")
    send(result={"status": "RAN", "command_seconds": seconds, "reason": "", "times": {}, "machine": {}})


def main() -> None:
    """Run requested stages until the worker closes the connection."""
    for line in sys.stdin:
        request = json.loads(line)
        if "run" in request:
            threading.Thread(target=run, args=(request,), daemon=True).start()
    shutil.rmtree(sys.argv[2], ignore_errors=True)
