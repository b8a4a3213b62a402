"""Addresses that partners name: text of theirs until it is compared with what the agreement knows."""

from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit


def read(url: str) -> SplitResult | None:
    """Its parts; ``None`` where it is no HTTP address with a host."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return None
    return parts if parts.scheme in {"http", "https"} and host else None


def known(url: str, *, agreed: str, hosts: Iterable[str]) -> bool:
    """Whether ``url`` leads to the host of the agreement's own address or to one of ``hosts``: no request forgery through what a
    partner writes (cem.md section 7)."""
    parts, own = read(url), read(agreed)
    allowed = {own.hostname if own else None, *(host.lower() for host in hosts)}
    return parts is not None and parts.hostname in allowed


def same_server(url: str, agreed: str) -> bool:
    """Whether both lead to one server: what is secret between us and the one may be told to the other."""
    one, other = read(url), read(agreed)
    return (
        one is not None
        and other is not None
        and (one.scheme, one.netloc.lower()) == (other.scheme, other.netloc.lower())
    )
