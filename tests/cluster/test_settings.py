"""Read cluster.yaml, and refuse invalid settings before anything starts."""

from pathlib import Path

import pytest

from pipeline.cluster.settings import LocalSettings, SlurmSettings, load_settings
from pipeline.cluster.start import check_can_start
from stages.common.errors import InputError
from stages.common.params import ParamsError

SLURM = "kind: slurm\nmax_jobs: 4\ncores: 2\nmemory: 8GB\nwalltime: 01:30:00\ninterface: eth0\n"


def load(text: str, tmp_path: Path) -> object:
    path = tmp_path / "cluster.yaml"
    path.write_text(text)
    return load_settings(path)


@pytest.mark.parametrize(
    "text",
    [
        "kind: local\nmax_jobs: 2\n",
        "kind: local\nmax_jobs: 2\nremote: store\nscratch: /shared/scratch\nfolder: /local\n",
        "kind: address\nmax_jobs: 8\naddress: tcp://10.0.0.1:8786\n",
        "kind: ssh\nmax_jobs: 2\nhosts: [one, two.lab]\nuser: me\ninterface: eth0\n",
        SLURM.replace("01:30:00", '"01:30:00"')
        + "queue: gpu\ngpus: 1\nmin_jobs: 1\nprologue: [module load cuda]\n",
    ],
)
def test_every_kind_is_read(text: str, tmp_path: Path) -> None:
    assert load(text, tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("max_jobs: 2\n", "kind = None is unknown; there is local, address, ssh, slurm"),
        ("kind: pbs\nmax_jobs: 2\n", "kind = 'pbs' is unknown"),
        ("kind: local\n", "max_jobs is missing"),
        ("kind: local\nmax_jobs: 0\n", "max_jobs = 0"),
        ("kind: local\nmax_jobs: '2'\n", "max_jobs = '2'"),
        ("kind: local\nmax_jobs: 2\nscratch: here\n", "'here' is no absolute path"),
        ("kind: local\nmax_jobs: 2\nscrach: /here\n", "scrach is unknown (did you mean scratch?)"),
        ("kind: local\nmax_jobs: 2\nremote: --help\n", "remote = '--help'"),
        ("kind: address\nmax_jobs: 2\naddress: http://10.0.0.1:8786\n", "address = 'http://10.0.0.1:8786'"),
        ("kind: address\nmax_jobs: 2\naddress: tls://one:8786\n", "needs tls_ca_file, tls_cert and tls_key"),
        ("kind: ssh\nmax_jobs: 2\nhosts: []\n", "hosts = []"),
        ("kind: ssh\nmax_jobs: 2\nhosts: [-oProxyCommand=x, two]\n", "hosts.0 = '-oProxyCommand=x'"),
        ("kind: ssh\nmax_jobs: 3\nhosts: [one, two]\n", "max_jobs = 3 is more than the 2 hosts"),
        (SLURM.replace("01:30:00", '"90"'), "walltime = '90'"),
        (SLURM.replace("01:30:00", '"01:30:00"').replace("8GB", "lots"), "memory = 'lots'"),
        (SLURM.replace("01:30:00", '"01:30:00"') + "min_jobs: 5\n", "min_jobs = 5 is more than max_jobs = 4"),
        (SLURM.replace("01:30:00", '"01:30:00"') + "queue: a b\n", "queue = 'a b'"),
        (SLURM.replace("01:30:00", '"01:30:00"') + "directives: [rm -rf]\n", "directives.0 = 'rm -rf'"),
        ("[1, 2]\n", "it must hold a mapping"),
    ],
)
def test_what_is_wrong_is_named_with_its_value(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ParamsError) as caught:
        load(text, tmp_path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "cluster.yaml"))


def test_all_that_is_wrong_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="has 2 faults"):
        load("kind: slurm\nmax_jobs: 4\ncores: 0\nmemory: 8GB\n", tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="nowhere.yaml has 1 fault:\n  - the file is missing"):
        load_settings(tmp_path / "nowhere.yaml")


def test_lines_of_a_prologue_stay_as_they_are(tmp_path: Path) -> None:
    text = SLURM.replace("01:30:00", '"01:30:00"') + 'prologue: ["export X=\'a b\'", "module load cuda"]\n'
    settings = load(text, tmp_path)
    assert isinstance(settings, SlurmSettings)
    assert settings.prologue == ["export X='a b'", "module load cuda"]


def test_the_heads_own_folder_of_checkpoints_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("dask_jobqueue")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(".scratch")
    for folder in (".scratch", "link"):
        with pytest.raises(InputError, match="is this repository's own folder of checkpoints"):
            check_can_start(LocalSettings(kind="local", max_jobs=1, scratch=str(tmp_path / folder)))
    check_can_start(LocalSettings(kind="local", max_jobs=1, scratch=str(tmp_path / "other")))
