"""HTTPS in and out between two gateways: certificates and trust from assignments, changed without a restart, judged per agreement."""

import asyncio
import socket
import ssl
import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from counterseal.adapters.http.listener import PublicListener
from counterseal.adapters.http.poster import HTTPPoster
from counterseal.adapters.http.serving import TLSServer
from counterseal.adapters.storage import SQLStore
from counterseal.domain.document import Direction, DocumentState
from counterseal.domain.usage import AssignmentState, Side, Usage
from counterseal.engine import certificates, listeners
from counterseal.engine.ports import PostAnswer, PostRequest
from tests.builders import Minted, mint, mint_ca, rsa_key
from tests.engine.world import Gateway, Pair, hold_in
from tests.gateway import ADMINISTRATOR


def minted_today(name: str, number: int, **changes: Any) -> Minted:
    """TLS reads the machine's clock, not the tests'."""
    return mint(name, key=rsa_key(number), now=datetime.now(UTC), **changes)


SERVER, NEXT_SERVER = minted_today("bravo.example", 5), minted_today("bravo.example", 6)
CLIENT, OTHER = minted_today("alpha.example", 7), minted_today("charlie.example", 8)


class OnceOnly:
    """A poster that may be used from any event loop."""

    async def post(self, request: PostRequest) -> PostAnswer:
        poster = HTTPPoster()
        try:
            return await poster.post(request)
        finally:
            await poster.close()


@dataclass
class Scene:
    """Alpha posts to Bravo, which listens with TLS."""

    pair: Pair
    port: int
    logged: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    @property
    def alpha(self) -> Gateway:
        return self.pair.alpha

    @property
    def bravo(self) -> Gateway:
        return self.pair.bravo

    def present(self, minted: Minted) -> None:
        held = hold_in(self.bravo.ports, self.bravo.community, minted)
        listeners.assign(
            self.bravo.ports, ADMINISTRATOR, self.bravo.community.id, held.fingerprint, listeners.AS2_LISTENER
        )

    def trust(self, gateway: Gateway, usage: Usage, minted: Minted) -> None:
        known = certificates.add_partner_certificate(
            gateway.ports, ADMINISTRATOR, gateway.agreement.partner_id, content=minted.der
        )
        assign(gateway, Side.THEIRS, usage, known.fingerprint)

    def show(self, minted: Minted) -> None:
        assign(self.alpha, Side.OURS, Usage.TLS_CLIENT, self.alpha.hold(minted))

    async def send(self) -> tuple[DocumentState, str]:
        """What becomes of a document from Alpha, and why."""
        sent = self.alpha.send()
        await asyncio.to_thread(self.alpha.work_once)
        found = self.alpha.document(sent.id)
        return found.state, found.reason

    def refusals(self) -> list[str]:
        return [e.facts["reason"] for e in self.bravo.events() if e.event == "as2.refused-client-certificate"]


def assign(gateway: Gateway, side: Side, usage: Usage, fingerprint: Any) -> None:
    certificates.assign(
        gateway.ports,
        ADMINISTRATOR,
        gateway.agreement_id,
        side=side,
        usages=frozenset({usage}),
        fingerprint=fingerprint,
    )


@asynccontextmanager
async def listening() -> AsyncIterator[Scene]:
    store, other = SQLStore("sqlite://"), SQLStore("sqlite://")
    opened = iter((store, other))
    pair = Pair.open(lambda: next(opened))
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        bound.listen()
        bound.setblocking(False)
        scene = Scene(pair=pair, port=bound.getsockname()[1])
        application = PublicListener(pair.bravo.ports, max_bytes=10**7, log=lambda *_, **__: None)
        server = TLSServer(
            application,
            grace_seconds=1,
            security=lambda: listeners.security(pair.bravo.ports, listeners.AS2_LISTENER),
            log=lambda event, **more: scene.logged.append((event, more)),
        )
        serving = asyncio.create_task(server.serve(sockets=[bound]))
        pair.alpha.ports = replace(pair.alpha.ports, poster=OnceOnly())
        pair.alpha.change_terms(url=f"https://127.0.0.1:{scene.port}/as2")
        try:
            yield scene
        finally:
            server.should_exit = True
            await serving
    store.close()
    other.close()


async def test_a_document_goes_over_https_to_a_pinned_self_signed_server_of_another_name() -> None:
    async with listening() as scene:
        scene.present(SERVER)
        scene.trust(scene.alpha, Usage.TLS_SERVER, SERVER)

        assert (await scene.send())[0] is DocumentState.DELIVERED

        (seen,) = [a for a in scene.alpha.all_assignments() if a.usage is Usage.TLS_SERVER]
        assert seen.last_seen_at is not None
        assert [d.state for d in scene.bravo.documents(Direction.IN)] == [DocumentState.RECEIVED]


async def test_the_listener_presents_another_certificate_without_a_restart() -> None:
    async with listening() as scene:
        scene.present(SERVER)
        scene.trust(scene.alpha, Usage.TLS_SERVER, SERVER)
        assert (await scene.send())[0] is DocumentState.DELIVERED

        scene.present(NEXT_SERVER)
        state, reason = await scene.send()
        assert (state, "TLS" in reason) == (DocumentState.QUEUED, True)

        scene.trust(scene.alpha, Usage.TLS_SERVER, NEXT_SERVER)
        assert (await scene.send())[0] is DocumentState.DELIVERED


async def test_a_private_root_is_trusted_for_the_names_that_it_certifies() -> None:
    root = mint_ca(now=datetime.now(UTC))
    async with listening() as scene:
        scene.present(minted_today("bravo", 5, issuer=root, ip_addresses=["127.0.0.1"]))
        scene.trust(scene.alpha, Usage.TLS_SERVER, root)
        assert (await scene.send())[0] is DocumentState.DELIVERED

        scene.present(minted_today("bravo", 6, issuer=root, dns_names=["elsewhere.example"]))
        assert (await scene.send())[0] is DocumentState.QUEUED


@pytest.mark.parametrize("required", [True, False])
@pytest.mark.parametrize("shows", ["the agreed one", "nothing", "another partner's"])
async def test_a_client_certificate_has_to_be_this_partners_where_one_is_required(
    shows: str, *, required: bool
) -> None:
    async with listening() as scene:
        scene.present(SERVER)
        scene.trust(scene.alpha, Usage.TLS_SERVER, SERVER)
        scene.trust(scene.bravo, Usage.TLS_CLIENT, CLIENT)
        scene.bravo.change_terms(require_tls_client_certificate=required)
        if shows != "nothing":
            scene.show(CLIENT if shows == "the agreed one" else OTHER)
        if shows == "another partner's":  # the handshake trusts it: it is somebody's
            also_trusted(scene.bravo, OTHER)

        state, reason = await scene.send()

        if shows == "the agreed one" or not required:
            assert state is DocumentState.DELIVERED
            (seen, *_) = [a for a in scene.bravo.all_assignments() if a.usage is Usage.TLS_CLIENT]
            assert (seen.last_seen_at is not None) is (shows == "the agreed one")
        else:
            assert state is DocumentState.FAILED
            assert "403" in reason
            assert len(scene.refusals()) == 1
            assert scene.bravo.documents(Direction.IN) == []


def also_trusted(gateway: Gateway, minted: Minted) -> None:
    """Another agreement of the same gateway accepts it."""
    with gateway.ports.store.write() as writer:
        agreement = writer.agreement(gateway.agreement_id)
        partner = replace(writer.partner(agreement.partner_id), id="c" * 32, slug="charlie")  # type: ignore[arg-type]
        other = replace(agreement, id="d" * 32, partner_id=partner.id, partner_identity="CHARLIE")  # type: ignore[arg-type]
        writer.put(partner, other)
    known = certificates.add_partner_certificate(gateway.ports, ADMINISTRATOR, partner.id, content=minted.der)
    certificates.assign(
        gateway.ports,
        ADMINISTRATOR,
        other.id,
        side=Side.THEIRS,
        usages=frozenset({Usage.TLS_CLIENT}),
        fingerprint=known.fingerprint,
    )


async def test_a_client_certificate_that_nobody_agreed_ends_the_handshake_with_openssl_s_reason() -> None:
    async with listening() as scene:
        scene.present(SERVER)
        scene.trust(scene.alpha, Usage.TLS_SERVER, SERVER)
        scene.trust(scene.bravo, Usage.TLS_CLIENT, CLIENT)
        scene.show(OTHER)

        state, _ = await scene.send()

        assert state is DocumentState.QUEUED
        assert [event for event, _ in scene.logged] == ["as2.handshake-failed"]
        assert "VERIFY_FAILED" in scene.logged[0][1]["reason"]


async def test_a_retired_client_certificate_opens_nothing() -> None:
    async with listening() as scene:
        scene.present(SERVER)
        scene.trust(scene.alpha, Usage.TLS_SERVER, SERVER)
        scene.trust(scene.bravo, Usage.TLS_CLIENT, CLIENT)
        scene.trust(scene.bravo, Usage.TLS_CLIENT, OTHER)
        for one in scene.bravo.all_assignments():
            if one.fingerprint == CLIENT.certificate.fingerprint:
                scene.bravo.put(replace(one, state=AssignmentState.RETIRED))
        scene.show(CLIENT)

        assert (await scene.send())[0] is DocumentState.QUEUED


async def test_without_a_certificate_no_connection_is_taken_and_the_log_says_so() -> None:
    async with listening() as scene:
        assert (await scene.send())[0] is DocumentState.QUEUED
        assert scene.logged[0][0] == "as2.no-server-certificate"


@pytest.mark.parametrize(
    ("versions", "works"),
    [
        ((ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2), True),
        ((ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3), True),
        ((ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_1), False),
    ],
)
async def test_tls_1_2_and_1_3_are_spoken_and_nothing_older(
    versions: tuple[ssl.TLSVersion, ssl.TLSVersion], works: bool
) -> None:
    """BIS-25."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    async with listening() as scene:
        scene.present(SERVER)
        assert await hello(scene.port, lambda: limited(context, *versions)) is works


def limited(context: ssl.SSLContext, lowest: ssl.TLSVersion, highest: ssl.TLSVersion) -> ssl.SSLContext:
    context.maximum_version = ssl.TLSVersion.MAXIMUM_SUPPORTED
    context.minimum_version, context.maximum_version = lowest, highest
    return context


async def hello(port: int, make: Callable[[], ssl.SSLContext]) -> bool:
    try:
        with warnings.catch_warnings():  # TLS 1.1 is deprecated, which is what is tested
            warnings.simplefilter("ignore", DeprecationWarning)
            context = make()
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    except (ssl.SSLError, ConnectionError):
        return False
    writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return answer.startswith(b"HTTP/1.1 200")
