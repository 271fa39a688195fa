"""By which names a server may be asked."""

from __future__ import annotations

import pytest

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.serving.hosts import hosts_of, is_known, is_loopback


def test_names_that_a_server_has() -> None:
    assert hosts_of("box", ["Proxy.Example:80"], None) == {"localhost", "box", "proxy.example"}
    assert hosts_of("0.0.0.0", None, "secret") is None
    with pytest.raises(ConfigError, match="--allowed_hosts is for a server without a key or token"):
        hosts_of("0.0.0.0", ["any.example"], "secret")


@pytest.mark.parametrize("host", ["localhost:8000", "LOCALHOST", "localhost.", "127.0.0.1:80", "[::1]:1", "10.0.0.7"])
def test_known(host: str) -> None:
    assert is_known(host, {"localhost"})


@pytest.mark.parametrize("host", ["127.0.0.1.example", "[", "", "localhost.example", "a@b", "1"])
def test_unknown(host: str) -> None:
    assert not is_known(host, {"localhost"})


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.8.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("box", False)],
)
def test_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
