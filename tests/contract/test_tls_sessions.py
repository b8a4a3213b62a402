"""A partner that takes up its TLS session again is the same partner: its agreed private root is still found in the chain."""

import asyncio
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from counterseal.adapters.http.contexts import server_context, verified_chain
from tests.builders import Minted, mint, mint_ca, rsa_key

NOW = datetime.now(UTC)


def pem_file(path: Path, minted: Minted) -> Path:
    key = minted.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(key + minted.certificate.pem.encode())
    return path


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_the_whole_chain_is_seen_at_every_connection(tmp_path: Path, version: ssl.TLSVersion) -> None:
    root = mint_ca(now=NOW)
    client = mint("alpha.example", key=rsa_key(7), issuer=root, now=NOW)
    server_path = pem_file(tmp_path / "server.pem", mint("bravo.example", key=rsa_key(5), now=NOW))
    client_path = pem_file(tmp_path / "client.pem", client)
    seen: list[tuple[bytes, ...]] = []

    @contextmanager
    def key() -> Iterator[str]:
        yield str(server_path)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        seen.append(verified_chain(writer.get_extra_info("ssl_object")))
        writer.write(b"x")
        await writer.drain()
        writer.close()

    def connect(port: int) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.minimum_version = context.maximum_version = version
        context.load_cert_chain(client_path)
        session: ssl.SSLSession | None = None
        for _ in range(3):
            with (
                socket.create_connection(("127.0.0.1", port)) as plain,
                context.wrap_socket(plain, session=session) as secured,
            ):
                secured.sendall(b"x")
                secured.recv(1)
                session = secured.session

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server_context(key, [root.der]))
    await asyncio.to_thread(connect, server.sockets[0].getsockname()[1])
    server.close()
    assert seen == [(client.der, root.der)] * 3
