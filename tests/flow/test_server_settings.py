from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.flow.server_auth import FILE, read_auth, read_or_create_auth
from pipeline.flow.server_settings import (
    forget_other_servers,
    list_server_settings,
    prepare_server,
    use_server,
)

ADDRESS = "http://127.0.0.1:4200"
# Variables in the shell of a user who works with other Prefect servers.
FOREIGN = {
    "PREFECT_API_KEY": "pnu_secret",
    "PREFECT_API_URL": "https://api.prefect.cloud/api/accounts/a/workspaces/b",
    "PREFECT_API_AUTH_STRING": "somebody:else",
    "PREFECT_API_SSL_CERT_FILE": "/company.pem",
    "PREFECT_API_DATABASE_CONNECTION_URL": "postgresql+asyncpg://prefect@company/prefect",
    "PREFECT_CLIENT_CUSTOM_HEADERS": '{"Authorization": "secret"}',
    "PREFECT_PROFILE": "cloud",
    "PREFECT_PROFILES_PATH": "/home/somebody/.prefect/profiles.toml",
    "PREFECT_MESSAGING_BROKER": "prefect_redis.messaging",
    "PREFECT__FLOW_RUN_ID": "00000000-0000-0000-0000-000000000000",
}
FOREIGN_SERVER = {
    "PREFECT_SERVER_DATABASE_CONNECTION_URL": "postgresql+asyncpg://prefect@company/prefect",
    "PREFECT_SERVER_API_AUTH_STRING": "somebody:else",
}
OWN = {
    "HOME": "/home/somebody",
    "PREFECT_HOME": "/project/.prefect",
    "PREFECT_LOGGING_LEVEL": "DEBUG",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}
NO_PROFILES = {"PREFECT_PROFILES_PATH": "/dev/null"}


def test_what_belongs_to_other_servers_is_forgotten() -> None:
    environment = FOREIGN | FOREIGN_SERVER | OWN
    forget_other_servers(environment)
    assert environment == OWN | NO_PROFILES


def test_a_flow_knows_of_the_server_that_it_calls_alone() -> None:
    environment = FOREIGN | FOREIGN_SERVER | OWN
    use_server(environment, f"{ADDRESS}/api", "admin:secret")
    calls = {"PREFECT_API_URL": f"{ADDRESS}/api", "PREFECT_API_AUTH_STRING": "admin:secret"}
    assert environment == OWN | NO_PROFILES | calls


def test_a_server_of_ours_takes_what_is_set_for_it_and_makes_a_password_where_none_is(tmp_path: Path) -> None:
    environment = dict(OWN)
    prepare_server(environment, ADDRESS, tmp_path)
    auth = read_auth(tmp_path)
    assert auth and len(auth) > 40
    assert environment["PREFECT_SERVER_API_AUTH_STRING"] == environment["PREFECT_API_AUTH_STRING"] == auth
    own = {"PREFECT_SERVER_API_AUTH_STRING": "mine:own", "PREFECT_SERVER_UI_API_URL": "https://mine/api"}
    environment = FOREIGN | OWN | own
    prepare_server(environment, ADDRESS, tmp_path / "other")
    calls = {"PREFECT_API_URL": f"{ADDRESS}/api", "PREFECT_API_AUTH_STRING": "mine:own"}
    assert environment == (
        OWN | NO_PROFILES | list_server_settings(ADDRESS, tmp_path / "other", "mine:own") | own | calls
    )
    assert read_auth(tmp_path / "other") is None


def test_a_password_is_made_once_and_for_this_user_alone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with ThreadPoolExecutor(16) as pool:
        made = set(pool.map(read_or_create_auth, [home] * 64))
    assert made == {read_auth(home)} and read_or_create_auth(tmp_path / "other") not in made
    assert [path.name for path in home.iterdir()] == [FILE]
    assert (home / FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["", "\n"])
def test_an_empty_password_file_is_no_password(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    assert read_auth(tmp_path) is None
    with pytest.raises(ValueError, match="is empty; remove it"):
        read_or_create_auth(tmp_path)
