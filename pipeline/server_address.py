"""Split a server's address and make login headers, for the checks of Prefect's and of MLflow's server."""

import base64
from urllib.parse import SplitResult, urlsplit


def split_address(url: str) -> SplitResult | None:
    """Split a URL into its parts; None if it has no host, or if its port is not a valid one."""
    try:
        parts = urlsplit(url)
        return parts if parts.hostname and parts.port != 0 else None
    except ValueError:
        return None


def make_basic_login(user_and_password: str) -> dict[str, str]:
    """Make the header that logs in with `user:password`."""
    return {"Authorization": f"Basic {base64.b64encode(user_and_password.encode()).decode()}"}


def make_token_login(token: str) -> dict[str, str]:
    """Make the header that logs in with a token."""
    return {"Authorization": f"Bearer {token}"}
