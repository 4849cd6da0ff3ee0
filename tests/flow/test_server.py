import pytest

from pipeline.flow.server import name_address


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:4200"),
        ("192.168.0.7", "http://192.168.0.7:4200"),
        # Clients cannot call these two addresses. A server that listens there also listens on the loopback address.
        ("0.0.0.0", "http://127.0.0.1:4200"),
        ("::", "http://127.0.0.1:4200"),
        ("::1", "http://[::1]:4200"),
    ],
)
def test_a_server_is_told_by_an_address_that_can_be_called(host: str, address: str) -> None:
    assert name_address(host, 4200) == address
