"""Stand in for `pipeline.cluster.agent` in a simulated cluster: each stage is a sleep, and needs nothing but Python.

It speaks the agent's protocol: a line is printed each ten seconds and a row is logged each second, as trainings do.
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
    """Send one message."""
    with _WRITING:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


def run(request: dict[str, object]) -> None:
    """Sleep as long as a stage is to take, and send its result."""
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
    """Run what is asked for until nothing more can be."""
    for line in sys.stdin:
        request = json.loads(line)
        if "run" in request:
            threading.Thread(target=run, args=(request,), daemon=True).start()
    shutil.rmtree(sys.argv[2], ignore_errors=True)
