import pytest

from stages.common.sockets import explain_proxies

NAMES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize("name", ["ALL_PROXY", "https_proxy", "HTTP_PROXY"])
@pytest.mark.parametrize(
    "proxy", ["socks5://me:secret@proxy.example:1080", "socks5h://proxy.example", "socks4://proxy.example"]
)
def test_a_socks_proxy_is_named_with_what_a_download_needs_instead(
    name: str, proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, proxy)
    explained = explain_proxies()
    assert "names proxy.example as a proxy, and downloads cannot use SOCKS: set HTTPS_PROXY" in explained
    assert "secret" not in explained


def test_other_proxies_need_no_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    assert explain_proxies() == ""
