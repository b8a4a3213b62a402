"""Everything that the policies look at when a partner's certificate is judged, gathered in one read."""

from datetime import datetime
from typing import Final

from counterseal.domain.channel import Channel
from counterseal.domain.offer import Offer, OfferedCertificate
from counterseal.domain.revocation import decide_revocation
from counterseal.domain.trust import Envelope, Input, Revocation
from counterseal.domain.trusted_root import anchors_for
from counterseal.domain.usage import BY_PROTOCOL, AssignmentState, Protocol, Side, Usage
from counterseal.engine.ports import Reader
from counterseal.engine.relationship import Relationship
from counterseal.engine.translate import scx_inbound as translate_scx
from counterseal.kernel.ids import Fingerprint

SUPPORTED: Final = {
    Channel.CEM: frozenset({Usage.SIGN, Usage.ENCRYPT, Usage.TLS_SERVER, Usage.TLS_CLIENT}),
    Channel.SCX: BY_PROTOCOL[Protocol.OFTP2],
}
"""What a partner's certificate can be used for here."""


def input_for(
    reader: Reader,
    around: Relationship,
    offer: Offer,
    offered: OfferedCertificate,
    *,
    envelope: Envelope,
    problem: str,
    now: datetime,
) -> Input:
    """Everything that the policies look at."""
    community_id = around.community.id
    trusted = reader.trusted_roots(community_id)
    anchors = anchors_for(trusted, around.partner.id)
    revocation = (
        decide_revocation(offered.certificate, trusted, around.partner.id, now) if offered.certificate else None
    )
    history = reader.assignments(
        community_id=community_id, states={AssignmentState.RETIRED, AssignmentState.REVOKED}, side=Side.THEIRS
    )
    return Input(
        certificate=offered.certificate,
        chain=offered.chain,
        problem=problem,
        usages=offered.usages,
        supported=SUPPORTED.get(offer.channel, frozenset()),
        channel=offer.channel,
        scx_type=offer.scx_type,
        envelope=envelope,
        agreement=around.agreement,
        rules=around.community.rules,
        assignments=around.assignments,
        held={held.fingerprint: held for held in reader.certificates(community_id)},
        retired=frozenset(a.fingerprint for a in history if a.state is AssignmentState.RETIRED),
        revoked=frozenset(a.fingerprint for a in history if a.state is AssignmentState.REVOKED),
        trusted_roots=anchors.roots,
        listed_issuers=anchors.issuers,
        named_old=named_old(reader, around, offer),
        revocation=revocation or Revocation.UNKNOWN,
        revocation_configured=revocation is not None,
        respond_by=offer.respond_by,
        now=now,
    )


def named_old(reader: Reader, around: Relationship, offer: Offer) -> frozenset[Fingerprint]:
    """The partner's certificates that an SCX file names as the old one; none over other channels."""
    if offer.channel is not Channel.SCX:
        return frozenset()
    theirs = {a.fingerprint for a in around.assignments if a.side is Side.THEIRS and a.accepts}
    file = reader.document(offer.document_id).virtual_file
    held = (h.certificate for f, h in around.held.items() if f in theirs)
    return translate_scx.named_by(file.description if file is not None else "", held)
