"""``TCPDialer``: the port ``Dialer`` over TCP and TLS."""

import asyncio
import socket
import ssl
from concurrent.futures import Executor
from typing import Final

from counterseal.adapters.tcp.carrier import Wire, carry, link_of
from counterseal.adapters.tcp.contexts import client_context
from counterseal.engine.ports import CallFailed, CallRequest, Talk
from counterseal.kernel.hosts import is_for

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
    return bool(chain) and (chain[0] in request.trust or is_for(chain[0], request.host))
