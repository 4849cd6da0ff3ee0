"""The typed model of cluster.yaml: where the stages of trials run, and how their results come back."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, field_validator, model_validator

from stages.common.params import Params, ParamsError, load_section, read_params, suggest_name

LINE = r"^[^\n\r]+$"
Line = Annotated[str, Field(pattern=LINE, max_length=4096)]
# A word of a batch system's options, without characters that a shell or the batch system would interpret.
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:,+-]*$", max_length=128)]
Count = Annotated[int, Field(ge=1, le=10_000)]
LOOPBACK = "lo"


class ClusterSettings(Params):
    """The settings that all kinds of clusters share.

    Attributes:
        max_jobs: the largest number of stages of trials that run at once.
        remote: the DVC remote by which results come back; None if every worker sees the head's DVC cache under the same
            path.
        scratch: a folder for checkpoints that every worker sees under the same path, so that a training whose worker is
            lost resumes from its last checkpoint; None keeps checkpoints with the worker, and loses them with it.
        folder: the folder in which each worker makes its clone of the repository; None for the folder for temporary
            files.
    """

    max_jobs: Count
    remote: Word | None = None
    scratch: Line | None = None
    folder: Line | None = None

    @field_validator("scratch", "folder")
    @classmethod
    def _check_folder(cls, value: str | None) -> str | None:
        if value is not None and not Path(value).is_absolute():
            raise ValueError(
                f"{value!r} is no absolute path, as is needed because workers run in other folders"
            )
        return value


class StartedSettings(ClusterSettings):
    """The settings of clusters whose workers the head starts.

    Attributes:
        python: the path of the workers' Python, which has the project's packages; None for the path of the head's.
        interface: the network interface, such as `eth0`, by which head and workers reach each other; `lo` if all are on
            one machine.
    """

    python: Annotated[str, Field(pattern=r"^/[\w@%+=:,./-]+$")] | None = None
    interface: Word = LOOPBACK


class LocalSettings(ClusterSettings):
    """A cluster of workers on the head's own machine, to try out how a cluster works."""

    kind: Literal["local"]


class AddressSettings(ClusterSettings):
    """A Dask cluster that is already running.

    Attributes:
        address: the address of its scheduler.
        tls_ca_file: the file of the authority's certificate; needed, as the next two, for an address with tls://.
        tls_cert: the file of this client's certificate.
        tls_key: the file of this client's key.
    """

    kind: Literal["address"]
    address: Annotated[str, Field(pattern=r"^(tcp|tls)://[\w.:\[\]-]+:\d{1,5}$")]
    tls_ca_file: Line | None = None
    tls_cert: Line | None = None
    tls_key: Line | None = None

    @model_validator(mode="after")
    def _check_tls(self) -> "AddressSettings":
        files = (self.tls_ca_file, self.tls_cert, self.tls_key)
        if self.address.startswith("tls://") and None in files:
            raise ValueError(
                f"address {self.address} needs tls_ca_file, tls_cert and tls_key; name all three files"
            )
        missing = [name for name in files if name is not None and not Path(name).is_file()]
        if missing:
            raise ValueError(f"tls files: {', '.join(missing)} does not exist or is no file")
        return self


class SshSettings(StartedSettings):
    """Hosts that SSH reaches without a password.

    Attributes:
        hosts: the names of the hosts; a host that is named twice gets two workers.
        user: the user on the hosts; None for SSH's default.
        key_file: the file of the private key; None for SSH's default.
        port: the port of the hosts' SSH servers.
    """

    kind: Literal["ssh"]
    hosts: list[Word] = Field(min_length=1, max_length=1000)
    user: Word | None = None
    key_file: Line | None = None
    port: int = Field(default=22, ge=1, le=65535)

    @model_validator(mode="after")
    def _check_jobs(self) -> "SshSettings":
        if self.max_jobs > len(self.hosts):
            raise ValueError(
                f"max_jobs = {self.max_jobs} is more than the {len(self.hosts)} hosts; "
                "name a host twice for two workers"
            )
        return self


class SlurmSettings(StartedSettings):
    """A SLURM cluster: each job is one worker.

    Attributes:
        queue: SLURM's partition; None for its default.
        account: the account that is charged; None for the user's default.
        cores: the number of CPU cores of a job.
        memory: the memory of a job, such as 8GB.
        gpus: the number of GPUs of a job.
        walltime: the time after which SLURM ends a job, such as 01:30:00; an unfinished trial goes on in another job.
        min_jobs: the number of jobs that are kept while the flow runs, even if fewer stages wait.
        prologue: lines of the job's script before the worker starts, such as `module load cuda`.
        directives: further options of sbatch, such as `--constraint=a100`.
        logs: the folder for the output of jobs; None discards it.
        shared_folder: the folder in which the head writes the certificates that workers read, under the same path for
            all; None for the folder for temporary files, which is enough on one machine.
    """

    kind: Literal["slurm"]
    queue: Word | None = None
    account: Word | None = None
    cores: Count
    memory: Annotated[str, Field(pattern=r"^[1-9][0-9]*(MB|GB|MiB|GiB)$")]
    gpus: int = Field(default=0, ge=0, le=64)
    walltime: Annotated[str, Field(pattern=r"^(\d+-)?\d{1,3}:\d{2}:\d{2}$")]
    min_jobs: int = Field(default=0, ge=0, le=10_000)
    prologue: list[Line] = Field(default_factory=list, max_length=100)
    directives: list[Annotated[str, Field(pattern=r"^--?[A-Za-z][^\n\r]*$", max_length=1024)]] = Field(
        default_factory=list, max_length=100
    )
    logs: Line | None = None
    shared_folder: Line | None = None

    @model_validator(mode="after")
    def _check_jobs(self) -> "SlurmSettings":
        if self.min_jobs > self.max_jobs:
            raise ValueError(f"min_jobs = {self.min_jobs} is more than max_jobs = {self.max_jobs}")
        return self


Settings: TypeAlias = LocalSettings | AddressSettings | SshSettings | SlurmSettings
KINDS: Mapping[str, type[Settings]] = {
    "local": LocalSettings,
    "address": AddressSettings,
    "ssh": SshSettings,
    "slurm": SlurmSettings,
}


def load_settings(path: Path) -> Settings:
    """Read cluster.yaml.

    Raises:
        ParamsError: the file is missing, or anything in it is unknown, missing, of the wrong type or out of range.
    """
    if not path.exists():
        raise ParamsError(["the file is missing; docs/cluster.md has one for each kind of cluster"], path)
    content: dict[str, Any] = read_params(path)
    kind = content.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise ParamsError(
            [f"kind = {kind!r} is unknown{suggest_name(str(kind), KINDS)}; there is {', '.join(KINDS)}"], path
        )
    try:
        return load_section(KINDS[kind], content=content)
    except ParamsError as error:
        raise ParamsError(error.faults, path) from None
