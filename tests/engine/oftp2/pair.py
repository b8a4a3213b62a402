"""Two conversations in lock-step over in-memory stores: no sockets, no threads, one standing clock."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from counterseal.domain.agreement import Agreement
from counterseal.domain.assignment import Assignment
from counterseal.domain.document import Direction, Document
from counterseal.domain.usage import AssignmentState, Protocol, Side, Usage
from counterseal.domain.virtual_file import VirtualFile
from counterseal.domain.work import WorkKind
from counterseal.engine import certificates, documents
from counterseal.engine.oftp2 import securing
from counterseal.engine.oftp2.conversation import Conversation
from counterseal.engine.oftp2.node import node_of
from counterseal.engine.ports import Link, Ports, Window
from tests import builders as b
from tests.configurations import key_file
from tests.gateway import ADMINISTRATOR, open_gateway

CODES = {"alpha": "O0013000001ALPHA", "bravo": "O0013000002BRAVO"}
USAGES = (Usage.FILE_SIGN, Usage.FILE_ENCRYPT, Usage.RECEIPT_SIGN, Usage.SESSION_AUTH)


class Gateway:
    """One side: ports with one agreement."""

    def __init__(self, ports: Ports, name: str, other: str, keys: dict[str, b.Minted], **terms: Any) -> None:
        self.ports = ports
        community, partner = b.a_community(slug=name), b.a_partner(slug=other)
        station = b.a_station(community_id=community.id, protocol=Protocol.OFTP2, identity=CODES[name])
        partner = replace(partner, community_id=community.id)
        self.agreement: Agreement = b.an_agreement(
            community_id=community.id,
            station_id=station.id,
            partner_id=partner.id,
            protocol=Protocol.OFTP2,
            partner_identity=CODES[other],
            terms=b.oftp2_terms(ssid_code=CODES[other], **terms),
        )
        with ports.store.write() as writer:
            writer.put(community, partner, station, self.agreement)
        held = certificates.import_key_file(
            ports, ADMINISTRATOR, community.id, content=key_file(keys[name], ""), password=None
        )
        theirs = certificates.add_partner_certificate(ports, ADMINISTRATOR, partner.id, content=keys[other].der)
        with ports.store.write() as writer:
            for side, fingerprint in ((Side.OURS, held.fingerprint), (Side.THEIRS, theirs.fingerprint)):
                writer.put(*(self._assignment(side, usage, fingerprint) for usage in USAGES))

    def _assignment(self, side: Side, usage: Usage, fingerprint: Any) -> Assignment:
        return b.an_assignment(
            community_id=self.agreement.community_id,
            agreement_id=self.agreement.id,
            side=side,
            usage=usage,
            fingerprint=fingerprint,
            state=AssignmentState.ACTIVE,
        )

    def send(self, content: bytes, **wishes: Any) -> Document:
        """Queued and secured; a session would take it now."""
        file = VirtualFile(dataset_name="ORDERS", **wishes)
        document = documents.send(
            self.ports,
            ADMINISTRATOR,
            self.agreement.id,
            content=(content,),
            file_name="orders",
            content_type=None,
            subject=None,
            virtual_file=file,
        )
        self.work()
        return document

    def work(self) -> None:
        """Secures what waits to be secured."""
        now = self.ports.clock.now()
        while True:
            rows = self.ports.store.claim(
                now=now, owner=self.ports.entropy.new_id(), lease=timedelta(minutes=1), limit=50,
                kinds={WorkKind.SECURE_FILE},
            )  # fmt: skip
            if not rows:
                return
            for row in rows:
                securing.secure(self.ports, row)

    def documents(self, direction: Direction) -> list[Document]:
        with self.ports.store.read() as reader:
            return reader.documents(community_id=None, window=Window(limit=500), direction=direction)

    def document(self, document: Document) -> Document:
        with self.ports.store.read() as reader:
            return reader.document(document.id)

    def calls(self) -> Conversation:
        with self.ports.store.read() as reader:
            node = node_of(self.ports, reader, self.agreement.id)
        return Conversation.calling(self.ports, node)


class Session:
    """A caller and a called one. ``run`` until both are silent; ``cut`` is a number of octets towards the called one."""

    def __init__(self, caller: Gateway, called: Gateway) -> None:
        self.caller = caller.calls()
        self.called = Conversation.answering(called.ports)
        self.caller.begin(Link(remote="called", tls="TLSv1.3"))
        self.called.begin(Link(remote="caller", tls="TLSv1.3"))

    def run(self, *, cut: int | None = None) -> "Session":
        back = self.called.step(b"")
        left = cut
        while True:
            there = self.caller.step(back)
            if left is not None:
                there, left = there[:left], left - len(there)
            back = self.called.step(there) if there else b""
            if left is not None and left <= 0:
                self.caller.lost("cut")
                self.called.lost("cut")
                return self
            if not there and not back and not self.caller.wants_step and not self.called.wants_step:
                return self


@contextmanager
def two_gateways(folder: Path, **terms: Any) -> Iterator[tuple[Gateway, Gateway]]:
    keys = {"alpha": b.mint("Alpha", key=b.rsa_key(0)), "bravo": b.mint("Bravo", key=b.rsa_key(1))}
    with open_gateway(folder / "alpha") as alpha, open_gateway(folder / "bravo") as bravo:
        yield Gateway(alpha, "alpha", "bravo", keys, **terms), Gateway(bravo, "bravo", "alpha", keys, **terms)
