"""Page 3 of the wizard, the partners: who can be told by CEM, who by SCX, who by neither and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from counterseal.domain.agreement import Agreement, CEMCapability
from counterseal.domain.channel import Channel
from counterseal.domain.community import Partner
from counterseal.domain.usage import Protocol
from counterseal.kernel.ids import PartnerId


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One agreement over which a partner can be told."""

    agreement: Agreement
    partner: Partner
    capability: CEMCapability | None
    """CEM: what is known. ``None`` for SCX."""
    text: str
    """What is known, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    agreement: Agreement
    partner: Partner
    reason: str
    """Why it cannot be told over this protocol, and what to do instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Eligible:
    candidates: tuple[Candidate, ...]
    left_out: tuple[LeftOut, ...]


_CAPABILITY_WORDS: dict[CEMCapability, str] = {
    CEMCapability.PROVED: "Has answered a CEM request before.",
    CEMCapability.ANNOUNCED: "Announces CEM in its messages; has not been asked yet.",
    CEMCapability.SILENT: "Announces CEM, but left a request without an answer.",
    CEMCapability.UNKNOWN: "Nothing is known: never asked, and it announces nothing.",
    CEMCapability.OFF: "CEM is switched off for this partner.",
}


def eligible(protocol: Protocol, agreements: Sequence[Agreement], partners: Mapping[PartnerId, Partner]) -> Eligible:
    """The agreements of one protocol, by partner name: CEM for AS2, SCX for OFTP2; those left out with the reason."""
    candidates: list[Candidate] = []
    left_out: list[LeftOut] = []
    mine = [a for a in agreements if a.protocol is protocol and a.partner_id in partners]
    for agreement in sorted(mine, key=lambda a: (partners[a.partner_id].name.casefold(), a.partner_identity, a.id)):
        partner = partners[agreement.partner_id]
        reason = _why_not(agreement)
        if reason:
            left_out.append(LeftOut(agreement=agreement, partner=partner, reason=reason))
        else:
            as2 = protocol is Protocol.AS2
            capability = agreement.cem_capability if as2 else None
            text = (
                _CAPABILITY_WORDS[agreement.cem_capability]
                if as2
                else f"Over OFTP2, code {agreement.partner_identity}."
            )
            candidates.append(Candidate(agreement=agreement, partner=partner, capability=capability, text=text))
    return Eligible(candidates=tuple(candidates), left_out=tuple(left_out))


def eligible_over(channel: Channel, agreement: Agreement) -> str:
    """Why this agreement cannot be told over CEM or SCX; empty: it can."""
    fits = Protocol.AS2 if channel is Channel.CEM else Protocol.OFTP2
    return (
        _why_not(agreement)
        if agreement.protocol is fits
        else f"The agreement speaks {agreement.protocol.value.upper()}."
    )


def _why_not(agreement: Agreement) -> str:
    name = "CEM" if agreement.protocol is Protocol.AS2 else "SCX"
    instead = "Tell it by mail or by a portal link."
    if not agreement.active:
        return f"The agreement is switched off. Switch it on, or leave this partner out. {instead}"
    if not agreement.exchange.enabled:
        return f"Certificate exchange is switched off in the agreement. {instead}"
    if agreement.protocol is Protocol.AS2 and agreement.cem_capability is CEMCapability.OFF:
        return f"{name} is switched off for this partner. {instead}"
    return ""
