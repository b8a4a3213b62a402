"""``TCPDialer``: the port ``Dialer`` over TCP and TLS."""

import asyncio
import ipaddress
import socket
import ssl
from concurrent.futures import Executor
from typing import Final

from cryptography import x509

from counterseal.adapters.tcp.carrier import Wire, carry, link_of
from counterseal.adapters.tcp.contexts import client_context
from counterseal.engine.ports import CallFailed, CallRequest, Talk

_FAILURES: Final[tuple[tuple[type[BaseException], str, str], ...]] = (
    (ssl.SSLCertVerificationError, "tls", "the partner's TLS certificate is not trusted"),
    (ssl.SSLError, "tls", "the TLS connection was not made: version, cipher or client certificate do not fit"),
    (socket.gaierror, "unreachable", "the host name is not known"),
    (TimeoutError, "timeout", "the partner did not answer in time"),
    (ConnectionRefusedError, "refused", "nobody listens at this address"),
    (ConnectionResetError, "closed", "the connection was closed at once"),
    (ConnectionError, "closed", "the connection was closed at once"),
    (OSError, "unreachable", "the host cannot be reached"),
)


class TCPDialer:
    """Belongs to one event loop."""

    def __init__(self, threads: Executor) -> None:
        self._threads = threads

    async def call(self, request: CallRequest, talk: Talk) -> None:
        wire = await self._connect(request)
        link = link_of(wire)
        if request.tls and request.trust and not _named(link.peer_chain, request):
            await wire.close()
            raise CallFailed(
                f"the partner's TLS certificate is not for {request.host}, and is not pinned itself", kind="tls"
            )
        talk.begin(link)
        await carry(talk, wire, self._threads)

    async def _connect(self, request: CallRequest) -> Wire:
        loop = asyncio.get_running_loop()
        try:
            context = client_context(request.identity, request.trust) if request.tls else None
            async with asyncio.timeout(request.connect_timeout.total_seconds()):
                _, wire = await loop.create_connection(
                    Wire,
                    request.host,
                    request.port,
                    ssl=context,
                    server_hostname=request.host if request.tls else None,
                )
        except (OSError, ssl.SSLError, TimeoutError) as error:
            raise _failure(error) from error
        return wire


def _failure(error: BaseException) -> CallFailed:
    for kind, word, sentence in _FAILURES:
        if isinstance(error, kind):
            reason = getattr(error, "verify_message", "") or ""
            return CallFailed(f"{sentence} ({reason})" if reason else sentence, kind=word)
    return CallFailed("the connection was not made", kind="closed")


def _named(chain: tuple[bytes, ...], request: CallRequest) -> bool:
    """A pinned certificate may be for any name (oftp2-scx.md C 22); one that only chains to trust has to be for this host."""
    return bool(chain) and (chain[0] in request.trust or _is_for(chain[0], request.host))


def _is_for(der: bytes, host: str) -> bool:
    try:
        names = (
            x509.load_der_x509_certificate(der).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        )
    except (ValueError, x509.ExtensionNotFound):
        return False
    try:
        return ipaddress.ip_address(host) in names.get_values_for_type(x509.IPAddress)
    except ValueError:
        wanted = host.rstrip(".").lower()
        return any(_matches(name.lower(), wanted) for name in names.get_values_for_type(x509.DNSName))


def _matches(name: str, host: str) -> bool:
    """RFC 9525 6.3: a star stands for the whole first label."""
    if name.startswith("*."):
        return host.partition(".")[2] == name[2:] != ""
    return name == host
