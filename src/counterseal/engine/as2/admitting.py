"""Whether a message may come in, judged by its head alone, before a byte of the body is stored: names, agreement, TLS client."""

from datetime import datetime

from counterseal.domain.admission import Head, Refused, decide_head
from counterseal.domain.agreement import Agreement
from counterseal.domain.assignment import Assignment
from counterseal.domain.audit import AuditEvent
from counterseal.domain.resolve import find
from counterseal.domain.usage import Protocol, Side, Usage
from counterseal.engine.as2 import answering
from counterseal.engine.as2.answering import Answer
from counterseal.engine.as2.incoming import Known, Party
from counterseal.engine.ports import Link, Ports, Reader
from counterseal.engine.relationship import Relationship, around, certificates_of, decrypters_of, signer_of
from counterseal.engine.translate import as2 as translate
from counterseal.kernel.errors import PeerFault
from counterseal.kernel.x509 import fingerprint_of
from counterseal.protocols.as2 import MessageHead


def admit(ports: Ports, headers: tuple[tuple[str, str], ...], link: Link) -> Known | Answer:
    """Whether the sender may go on with the body; an ``Answer`` refuses it at once."""
    now = ports.clock.now()
    try:
        head = MessageHead.parse(headers)
    except PeerFault as fault:
        return answering.plain(400, f"This is no AS2 message: {fault.detail}.")
    with ports.store.read() as reader:
        station = reader.find_station(Protocol.AS2, head.as2_to)
        agreement = reader.find_agreement(station.id, head.as2_from) if station is not None else None
        decided = decide_head(Head(sender=head.as2_from, receiver=head.as2_to, station=station, agreement=agreement))
        if isinstance(decided, Agreement):
            party = _party(ports, reader, decided)
    if isinstance(decided, Agreement):
        client = _client(party.around, link)
        if not isinstance(client, str):
            return Known(head=head, party=party, tls_client=client)
        _note_client(ports, party.around, link, client, now)
        return answering.plain(403, client)
    _note_stranger(ports, head, decided, now)
    return answering.unsigned(ports, head, translate.fault_of(decided.code, decided.text), now)


def _client(found: Relationship, link: Link) -> Assignment | str | None:
    """The client certificate, where it is required, has to be of *this* partner: the handshake only knew the union of all
    (architecture.md section 2). A private root that was agreed stands for what chains to it. A sentence refuses."""
    accepted = found.acceptors(Side.THEIRS, Usage.TLS_CLIENT)
    required = found.agreement.as2.require_tls_client_certificate
    if not link.peer_chain and required:
        return (
            "A TLS client certificate is required, and this connection shows none. Send over HTTPS with the one agreed."
        )
    shown = {fingerprint_of(der) for der in link.peer_chain}
    match = next((held.fingerprint for held in accepted if held.fingerprint in shown), None)
    if match is None:
        wrong = "The TLS client certificate of this connection is not the one agreed. Send with the one agreed."
        return wrong if required else None
    return find(found.assignments, Side.THEIRS, Usage.TLS_CLIENT, match)


def _note_client(ports: Ports, found: Relationship, link: Link, text: str, now: datetime) -> None:
    subject = f"agreement:{found.agreement.id}"
    left_out = ports.strangers.allow(subject, now)
    if left_out is None:
        return
    with ports.store.write() as writer:
        writer.record(
            AuditEvent(
                at=now,
                actor="partner:unknown",
                event="as2.refused-client-certificate",
                subject=subject,
                community_id=found.community.id,
                facts={
                    "reason": text,
                    "remote": link.remote,
                    "shown": fingerprint_of(link.peer_chain[0]) if link.peer_chain else "",
                    **left_out,
                },
            )
        )


def _party(ports: Ports, reader: Reader, agreement: Agreement) -> Party:
    found = around(reader, agreement)
    return Party(
        around=found,
        keys=decrypters_of(ports, reader, found.acceptors(Side.OURS, Usage.ENCRYPT)),
        signers=certificates_of(found.acceptors(Side.THEIRS, Usage.SIGN)),
        signer=signer_of(ports, reader, found.producer(Side.OURS, Usage.SIGN)),
    )


def _note_stranger(ports: Ports, head: MessageHead, refused: Refused, now: datetime) -> None:
    subject = f"as2:{head.as2_from}"[:200]
    left_out = ports.strangers.allow(subject, now)
    if left_out is None:
        return
    finding = refused.findings[0].code if refused.findings else ""
    with ports.store.write() as writer:
        writer.record(
            AuditEvent(
                at=now,
                actor="partner:unknown",
                event="as2.refused-unknown",
                subject=subject,
                facts={"as2-to": head.as2_to[:200], "finding": finding, **left_out},
            )
        )
