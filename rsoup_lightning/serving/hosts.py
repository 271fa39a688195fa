"""By which names a server may be asked: a web page whose own name leads to this machine would ask by that one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from rsoup_lightning.errors import ConfigError


def hosts_of(host: str, allowed: Sequence[str] | None, key: str | None) -> Collection[str] | None:
    """The names that requests may be sent to, or None where a key protects the server.

    Args:
        host: where the server is to listen.
        allowed: other names.
        key: that requests must have; None: none.

    Raises:
        ConfigError: names are given, and a key.
    """
    if key is None:
        return {"localhost", host.lower(), *map(_name, allowed or ())}
    if allowed is not None:
        raise ConfigError("--allowed_hosts is for a server without a key or token: leave one out")
    return None


def is_known(host: str, names: Collection[str]) -> bool:
    """Whether a Host header has one of ``names``, or an address, by which no page can be called.

    >>> is_known("localhost:8000", {"localhost"}), is_known("[::1]:80", ()), is_known("page.example", {"localhost"})
    (True, True, False)
    """
    name = _name(host)
    return name in names or _address(name) is not None


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a host."""
    address = _address(host)
    return host == "localhost" if address is None else address


def _address(name: str) -> bool | None:
    """Whether a name is the address of this machine alone; None: it is no address."""
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return None


def _name(host: str) -> str:
    """The name or address in a Host header.

    >>> _name("[::1]:8000")
    '::1'
    """
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""
