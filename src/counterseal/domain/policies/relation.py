"""Policies on what the certificate is to us: its chain, what it renews, whose key it is, its past (cem.md section 6, 11 to 19)."""

from datetime import timedelta
from typing import Final

from counterseal.domain.announced import read_announced
from counterseal.domain.channel import Channel, SCXType
from counterseal.domain.policies.model import Input, Policy, Result, Revocation, day, note, passed, refusal, warning
from counterseal.domain.policies.path import path_to_root
from counterseal.domain.policies.renewal import candidates, covered, differing_fields, renewed
from counterseal.domain.resolve import accepted_by
from counterseal.domain.usage import Side, Usage
from counterseal.kernel.x509 import Certificate

EARLY: Final = timedelta(days=7)
"""A Replace while the old one is valid for longer than this is worth asking about."""


def trusted_path(case: Input) -> tuple[Certificate, ...] | None:
    """The chain to a trusted root; what the community holds completes it (row 12, CEM-52)."""
    held = (h.certificate for h in case.held.values())
    return path_to_root(case.offered, (*case.chain, *held), case.trusted_roots, case.now)


def _signature(case: Input) -> Result | None:
    """Row 11: an issuer that came with it and did not sign it is no missing chain but a wrong one."""
    certificate = case.offered
    if certificate.self_issued:
        broken = not certificate.self_signed
    else:
        named = [c for c in case.chain if c.subject == certificate.issuer]
        broken = bool(named) and not any(certificate.issued_by(c) for c in named)
    return (
        refusal("The certificate's signature does not fit its issuer. Send it with its own chain.") if broken else None
    )


def _chain(case: Input) -> Result | None:
    """Rows 11 to 13 (CEM-45, CEM-52), SCX-12, SCX-15: a trusted root, or itself as the renewal of one in use."""
    certificate = case.offered
    if case.pinned:
        return passed("This very certificate is in use already.")
    path = trusted_path(case)
    if path is not None:
        return passed(f"It chains to the trusted root {path[-1].common_name}.")
    if case.channel is Channel.SCX and was_announced(case):
        return passed("Its subject and issuer are those that were announced for the first exchange.")
    first = case.channel is not Channel.SCX or may_be_first(case)
    if not certificate.self_signed:
        if not first:
            return refusal(
                f"Its issuer {certificate.issuer} is not trusted here. Send one of a CA that we have agreed on."
            )
        return warning(
            f"No trusted root was found for its issuer {certificate.issuer}. Add the root, or compare the fingerprint by another "
            "way: accepted, only this certificate is trusted."
        )
    if renewed(case):
        return passed("Self-signed, the renewal of one in use.")
    if not first:
        return refusal(
            "It is self-signed and matches no certificate of yours in use. Keep subject and issuer as they were."
        )
    return warning("It is self-signed and renews none in use. Compare the fingerprint by another way.")


def _issuer_listed(case: Input) -> Result | None:
    """SCX-12, SCX-14; oftp2-scx.md section 8: where there is a list of issuers, one of its CAs issued the certificate. A root on
    the list is there to verify those CAs, and what it issued itself is refused."""
    certificate = case.offered
    if case.channel is not Channel.SCX or not case.listed_issuers or case.pinned or certificate.self_issued:
        return None
    by = [i for i in case.listed_issuers if i.subject == certificate.issuer and certificate.issued_by(i)]
    if not by:
        return refusal(f"Its issuer {certificate.issuer} is not on the list of issuers here. Send one of a CA that is.")
    if all(i.self_issued for i in by):
        return refusal("It was issued by a root itself. Send one of an issuing CA below it.")
    return passed(f"Its issuer {by[0].common_name} is on the list of issuers.")


def may_be_first(case: Input) -> bool:
    """An SCX Request may start a relationship where the agreement says so, nothing of theirs is in use yet, and the certificate is
    one that was announced, where any was (SCX-22)."""
    return _is_first(case) and (not case.agreement.oftp2.announced or was_announced(case))


def _is_first(case: Input) -> bool:
    return case.scx_type is SCXType.REQUEST and case.agreement.oftp2.first_exchange and not candidates(case)


def was_announced(case: Input) -> bool:
    """A first exchange with a certificate whose identity was entered beforehand."""
    return _is_first(case) and any(read_announced(line).fits(case.offered) for line in case.agreement.oftp2.announced)


def _renewal(case: Input) -> Result | None:
    """What it renews, and where it only resembles one in use."""
    if case.pinned:
        return None
    names = renewed(case)
    if names and covered(case) != case.usages:
        extra = ", ".join(sorted(case.usages - covered(case)))
        return warning(
            f"It renews one in use, but is offered for more than that one is used for: {extra}. Ask whether that is meant."
        )
    if names:
        return passed("Renewal of one in use: subject, issuer and key usages equal, or named by the sender.")
    partly = [(old, differing_fields(old, case.offered)) for old, _ in candidates(case)]
    alike = [(old, differs) for old, differs in partly if "subject" not in differs]
    if alike:
        old, differs = alike[0]
        became = f" The issuer was {old.issuer} and is {case.offered.issuer}." if "issuer" in differs else ""
        return warning(
            f"It matches the one in use only in part; different: {', '.join(differs)}.{became} Ask whether that is meant."
        )
    return note("It renews none of their certificates in use: a new subject for us.")


def _names_gained(case: Input) -> Result | None:
    """Alternative names are no part of the match, and worth a look."""
    names = set(renewed(case))
    for old, _ in candidates(case):
        if old.fingerprint in names and set(old.san_dns) != set(case.offered.san_dns):
            gained = sorted(set(case.offered.san_dns) - set(old.san_dns))
            lost = sorted(set(old.san_dns) - set(case.offered.san_dns))
            changes = ", ".join([f"+{n}" for n in gained] + [f"-{n}" for n in lost])
            return note(f"Its alternative names changed: {changes}.")
    return None


def _scx_match(case: Input) -> Result | None:
    """SCX-16, SCX-18, SCX-20, SCX-23: unmatched is refused unless its chain is trusted; a Replace must replace something."""
    if case.channel is not Channel.SCX or case.pinned:
        return None
    if renewed(case):
        return passed("It matches one of their certificates in use.")
    if case.scx_type is SCXType.REPLACE:
        return refusal("It matches no certificate of yours in use, so there is nothing to replace. Send it as Deliver.")
    if _is_first(case) and not may_be_first(case):
        return refusal(
            "It is none of the certificates that were announced for the first exchange. Compare subject and issuer."
        )
    if may_be_first(case):
        return note("Nothing of theirs is in use yet: a first exchange.")
    if trusted_path(case) is not None:
        return note("It matches none of their certificates in use; its chain is trusted.")
    return refusal(
        "It matches no certificate of yours in use. Keep subject, issuer and key usages as they were, or name the old one."
    )


def _tls_begins(case: Input) -> Result | None:
    """Nobody asked for it: SCX only guesses what an unmatched certificate is for (6.4), and a first TLS certificate shuts out a
    partner that shows another one, or none."""
    present = {a.usage for a in case.theirs_live()}
    new = sorted(case.usages & {Usage.TLS_SERVER, Usage.TLS_CLIENT} - present)
    if case.channel is not Channel.SCX or not new:
        return None
    return warning(
        f"None of theirs is in use for {' and '.join(new)} today. Once it is accepted, connections with any other certificate, or "
        "with none, are refused. Ask whether they show it."
    )


def _replace_early(case: Input) -> Result | None:
    if case.scx_type is not SCXType.REPLACE:
        return None
    names = set(renewed(case))
    ends = [old.not_after for old, _ in candidates(case) if old.fingerprint in names]
    if not ends or max(ends) - case.now <= EARLY:
        return None
    return note(
        f"The one to be replaced is valid until {day(max(ends))}. A Replace ends it at once: ask whether its key was lost."
    )


def _ours(case: Input) -> Result | None:
    """oftp2-scx.md 6.8: never one of ours, nor our key in another's certificate."""
    for held in case.held.values():
        if held.side is Side.OURS and held.certificate.spki == case.offered.spki:
            return refusal("This certificate holds a key of the receiving side, not yours. Send your own.")
    return passed("Not one of ours.")


def _replay(case: Input) -> Result | None:
    """cem.md section 7: an old request must not bring back what was retired or revoked."""
    if case.fingerprint in case.revoked:
        return refusal("This certificate was revoked and is not used again. Send a new one.")
    if case.fingerprint in case.retired and not case.pinned:
        return warning("This certificate was taken out of service here before. Ask why it comes back.")
    return passed("Never retired or revoked before.")


def _key_reuse(case: Input) -> Result | None:
    """The same key under another certificate: of a revoked one never; of a retired or foreign one with a person only."""
    same = [
        h
        for h in case.held.values()
        if h.side is Side.THEIRS and h.certificate.spki == case.offered.spki and h.fingerprint != case.fingerprint
    ]
    if any(h.fingerprint in case.revoked for h in same):
        return refusal("Its key is that of a certificate that was revoked. Make a new key.")
    if any(h.partner_id not in {None, case.agreement.partner_id} for h in same):
        return warning("Another partner has a certificate with the same key. Ask both who holds it.")
    live = {a.fingerprint for a in case.theirs_live()}
    if any(h.fingerprint in case.retired and h.fingerprint not in live for h in same):
        return warning("Its key is that of a certificate that was taken out of service here. Ask for a new key.")
    if same:
        return note("It keeps the key of an earlier certificate. A new key is better.")
    return passed("A new key, never seen before.")


def _revoked(case: Input) -> Result | None:
    """Row 16, SCX-13: facts fetched ahead; what could not be learned counts only where checking is configured."""
    if case.revocation is Revocation.REVOKED:
        return refusal("Its issuer has revoked the certificate. Send a new one.")
    if case.revocation is Revocation.GOOD:
        return passed("Not revoked by its issuer.")
    if not case.revocation_configured or case.offered.self_issued:
        return None
    if case.revocation is Revocation.UNKNOWN:
        return note("Nothing is known of its revocation yet.")
    return warning(f"Its issuer's revocation list is {case.revocation.value}. Fetch it again, or decide without it.")


def _known(case: Input) -> Result | None:
    """Row 19 (CEM-43), SCX-33: accepted for all of this already; the answer is yes and nothing changes."""
    if not already_accepted(case):
        return None
    return passed("It is accepted for all of this already: the answer is yes, and nothing changes.")


def already_accepted(case: Input) -> bool:
    return accepted_by(case.assignments, Side.THEIRS, case.usages, case.fingerprint)


RELATION_CHAIN = (
    Policy(code="chain.signature", check=_signature),
    Policy(code="chain.trusted", check=_chain),
    Policy(code="scx.issuer-listed", check=_issuer_listed),
    Policy(code="renewal.matches", check=_renewal),
    Policy(code="renewal.names", check=_names_gained),
    Policy(code="scx.match", check=_scx_match),
    Policy(code="scx.tls-begins", check=_tls_begins),
    Policy(code="scx.replace-early", check=_replace_early),
    Policy(code="history.ours", check=_ours),
    Policy(code="history.replay", check=_replay),
    Policy(code="key.reuse", check=_key_reuse),
    Policy(code="chain.revoked", check=_revoked),
    Policy(code="renewal.already-accepted", check=_known),
)
