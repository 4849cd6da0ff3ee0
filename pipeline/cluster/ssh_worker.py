"""Start a Dask worker on a host by SSH, with the user's own `ssh` and its configuration."""

import asyncio
import contextlib
import shlex
import sys
from typing import Any

from distributed.deploy.spec import ProcessInterface

from pipeline.cluster.options import WORKER_OPTIONS
from pipeline.cluster.settings import SshSettings

# If `ssh` is still running after this time, the connection was accepted.
START_SECONDS = 5.0
# The certificate and its key are sent to standard input, because all users of the host can see arguments.
SCRIPT = """
umask 077
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
cat > "$folder/tls.pem"
{python} -m distributed.cli.dask_worker {scheduler} --name {name} {options} \
--tls-ca-file "$folder/tls.pem" --tls-cert "$folder/tls.pem" --tls-key "$folder/tls.pem"
"""


class SshWorker(ProcessInterface):  # type: ignore[misc]
    """Starts one worker by SSH; the worker ends by itself when its scheduler has ended."""

    def __init__(self, scheduler: str, host: str, settings: SshSettings, security: Any, name: str) -> None:
        super().__init__(scheduler=scheduler, name=name)
        self._scheduler, self._name = scheduler, name
        self._host, self._settings, self._security = host, settings, security
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start the worker.

        Raises:
            RuntimeError: `ssh` has ended; the message has its error output.
        """
        script = SCRIPT.format(
            python=shlex.quote(self._settings.python or sys.executable),
            scheduler=shlex.quote(self._scheduler),
            name=shlex.quote(self._name),
            options=shlex.join(WORKER_OPTIONS),
        )
        user = f"{self._settings.user}@" if self._settings.user else ""
        key = ["-i", self._settings.key_file] if self._settings.key_file else []
        self._process = await asyncio.create_subprocess_exec(
            *(
                "ssh",
                "-T",
                "-o",
                "BatchMode=yes",
                "-o",
                "ServerAliveInterval=5",
                "-p",
                str(self._settings.port),
            ),
            *key,
            f"{user}{self._host}",
            f"sh -c {shlex.quote(script)}",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        assert self._process.stdin is not None and self._process.stderr is not None
        role = self._security.get_tls_config_for_role("worker")
        self._process.stdin.write(f"{role['key']}\n{role['cert']}\n".encode())
        self._process.stdin.close()
        self._said = asyncio.ensure_future(self._process.stderr.read())
        try:
            await asyncio.wait_for(self._process.wait(), START_SECONDS)
        except TimeoutError:
            await super().start()
            return
        said = (await self._said).decode(errors="replace").strip()
        raise RuntimeError(f"the worker on {self._host} does not start: {said or 'ssh says nothing'}")

    async def close(self) -> None:
        """End the connection; the worker itself ends with its scheduler."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            await self._process.wait()
        await super().close()
