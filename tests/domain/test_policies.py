"""Each policy: where it holds, where it fires, and the boundary between (cem.md section 6, named by row; oftp2-scx.md B)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from counterseal.domain.agreement import Agreement
from counterseal.domain.channel import Channel, SCXType
from counterseal.domain.community import CommunityRules
from counterseal.domain.policies import CERTIFICATE_CHAIN, ENVELOPE_CHAIN, RELATION_CHAIN, Envelope, Input, Revocation
from counterseal.domain.policies.model import NoCertificate
from counterseal.domain.usage import AssignmentState, Side, Usage
from counterseal.kernel.finding import Severity
from counterseal.kernel.x509 import CLIENT_AUTH, SERVER_AUTH, Certificate, KeyUsageBit
from tests.builders import NOW, a_certificate, ec_key, mint, mint_ca, rsa_key
from tests.domain.policy_cases import (
    AS2_AGREEMENT,
    CURRENT,
    EC_CERTIFICATE,
    HELD,
    INTERMEDIATE,
    ISSUED,
    NEWCOMER,
    OFTP2_AGREEMENT,
    OFTP2_USAGES,
    OURS,
    POLICIES,
    RENEWAL,
    ROOT,
    STRANGE,
    STRANGE_ROOT,
    a_case,
    an_scx_case,
    ask,
    held,
    severity,
    theirs,
    with_terms,
)

OK, NOTE, WARNING, REFUSAL = Severity
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
SIGN_ONLY = (KeyUsageBit.DIGITAL_SIGNATURE,)
ENCRYPT_ONLY = (KeyUsageBit.KEY_ENCIPHERMENT,)


def bravo(**changes: Any) -> Certificate:
    return a_certificate("Bravo Bows", **({"key": rsa_key(2), "expires_in": timedelta(days=730)} | changes))


def digest(certificate: Certificate, name: str, **changes: Any) -> Certificate:
    """The same facts, as if signed with another digest: today's library no longer makes such certificates."""
    return replace(certificate, signature_digest=name, **changes)


def envelope(**changes: Any) -> Envelope:
    return replace(a_case().envelope, **changes)


def unlike(field: str) -> Certificate:
    """A certificate that differs from the one in use in exactly this field of the match."""
    changes: dict[str, Any] = {
        "key usage": {"key_usage": (*SIGN_ONLY, KeyUsageBit.NON_REPUDIATION, *ENCRYPT_ONLY)},
        "extended key usage": {"extended_key_usage": [SERVER_AUTH]},
    }
    return ISSUED if field == "issuer" else bravo(**changes[field])


Q = (CommunityRules(maximum_validity_days=731), CommunityRules(maximum_validity_days=730))
CA_SELF = bravo(ca=True)
CA_ISSUED = mint("Bravo Bows", key=rsa_key(2), issuer=ROOT, ca=True).certificate
EDWARDS = replace(bravo(), key_algorithm="1.3.101.112", key_bits=0, signature_digest="")
REVOKED_SAME_KEY = a_certificate("Bravo old", key=rsa_key(2), serial=7)
TLS_BOTH = bravo(extended_key_usage=[SERVER_AUTH, CLIENT_AUTH])
TLS_SERVER_ONLY = bravo(extended_key_usage=[SERVER_AUTH])
CURRENT_CLIENT = a_certificate("Bravo Bows", key=rsa_key(1), extended_key_usage=[CLIENT_AUTH], serial=3)
MUST_SIGN = with_terms(AS2_AGREEMENT, require_signed=True)
FIRST = with_terms(OFTP2_AGREEMENT, first_exchange=True)


def announcing(subject: str) -> Agreement:
    return with_terms(OFTP2_AGREEMENT, first_exchange=True, announced=(f"{subject}, O=Test |",))


BROKEN = replace(ISSUED, der=ISSUED.der[:-1] + bytes([ISSUED.der[-1] ^ 1]))
BROKEN_SELF = replace(RENEWAL, der=RENEWAL.der[:-1] + bytes([RENEWAL.der[-1] ^ 1]))
EXPIRED_CA = mint_ca("Old CA", key=rsa_key(93), issuer=ROOT, expires_in=-DAY, starts_in=-2 * DAY)
NO_CA = mint("No CA", key=rsa_key(94), issuer=ROOT)

Make = Callable[[], Input]
CASES: list[tuple[str, str, Make, Severity | None]] = [
    # code, claim, case, severity
    ("envelope.signed", "row 3: signed by the one in use holds", a_case, OK),
    (
        "envelope.signed",
        "row 2: unsigned, where that is allowed, warns",
        lambda: a_case(envelope=envelope(signer=None)),
        WARNING,
    ),
    (
        "envelope.signed",
        "row 2: unsigned, where signatures are required, refuses",
        lambda: a_case(envelope=envelope(signer=None), agreement=MUST_SIGN),
        REFUSAL,
    ),
    (
        "envelope.signed",
        "row 3: signed by the very one it introduces refuses",
        lambda: a_case(envelope=envelope(signer=RENEWAL.fingerprint)),
        REFUSAL,
    ),
    (
        "envelope.signed",
        "row 3: signed by one in use for encryption only refuses",
        lambda: a_case(assignments=(theirs(CURRENT, Usage.ENCRYPT),)),
        REFUSAL,
    ),
    (
        "envelope.signed",
        "signed by a retiring one holds",
        lambda: a_case(assignments=(theirs(CURRENT, Usage.SIGN, AssignmentState.RETIRING),)),
        OK,
    ),
    (
        "envelope.signed",
        "signed by a retired one refuses",
        lambda: a_case(assignments=(theirs(CURRENT, Usage.SIGN, AssignmentState.RETIRED),)),
        REFUSAL,
    ),
    ("envelope.signed", "does not apply to SCX", an_scx_case, None),
    ("envelope.session", "an authenticated session holds", an_scx_case, OK),
    (
        "envelope.session",
        "a password alone warns",
        lambda: an_scx_case(envelope=replace(an_scx_case().envelope, session_authenticated=False)),
        WARNING,
    ),
    ("envelope.session", "does not apply to CEM", a_case, None),
    ("envelope.channel", "a portal warns", lambda: a_case(channel=Channel.PORTAL), WARNING),
    ("envelope.channel", "mail warns", lambda: a_case(channel=Channel.MAIL), WARNING),
    ("envelope.channel", "does not apply to CEM", a_case, None),
    (
        "envelope.names",
        "row 7: equal names hold, outer blanks aside",
        lambda: a_case(envelope=envelope(claimed=" BRAVO ")),
        OK,
    ),
    (
        "envelope.names",
        "row 7: another name inside refuses",
        lambda: a_case(envelope=envelope(claimed="BRAVO2")),
        REFUSAL,
    ),
    ("envelope.names", "case counts", lambda: a_case(envelope=envelope(claimed="bravo")), REFUSAL),
    (
        "envelope.names",
        "SCX-10: a file of another station refuses",
        lambda: an_scx_case(envelope=replace(an_scx_case().envelope, sender="O0013OTHER")),
        REFUSAL,
    ),
    ("envelope.names", "no name inside is no fault", lambda: a_case(envelope=envelope(claimed=None)), OK),
    ("usage.supported", "what the protocol knows holds", a_case, OK),
    (
        "usage.supported",
        "row 34: one unsupported usage refuses",
        lambda: a_case(usages=frozenset({Usage.SIGN, Usage.TLS_CLIENT}), supported=frozenset({Usage.SIGN})),
        REFUSAL,
    ),
    (
        "usage.supported",
        "row 34: a usage of another protocol refuses",
        lambda: a_case(usages=frozenset({Usage.FILE_SIGN})),
        REFUSAL,
    ),
    ("usage.supported", "no usage refuses", lambda: a_case(usages=frozenset()), REFUSAL),
    ("certificate.readable", "a certificate holds", a_case, OK),
    ("certificate.readable", "row 8: none refuses", lambda: a_case(certificate=None), REFUSAL),
    (
        "certificate.readable",
        "row 9: not the one that is named refuses",
        lambda: a_case(problem="It is not the one that is named."),
        REFUSAL,
    ),
    ("certificate.expired", "row 14: valid holds", a_case, OK),
    (
        "certificate.expired",
        "row 14: at its very end holds",
        lambda: a_case(certificate=bravo(expires_in=timedelta(0))),
        OK,
    ),
    (
        "certificate.expired",
        "row 14: a second later refuses",
        lambda: a_case(certificate=bravo(expires_in=-SECOND)),
        REFUSAL,
    ),
    ("certificate.not-yet-valid", "valid now is no matter", a_case, None),
    (
        "certificate.not-yet-valid",
        "from this second is no matter",
        lambda: a_case(certificate=bravo(starts_in=timedelta(0))),
        None,
    ),
    (
        "certificate.not-yet-valid",
        "row 15: at the respond-by date it waits",
        lambda: a_case(certificate=bravo(starts_in=14 * DAY)),
        NOTE,
    ),
    (
        "certificate.not-yet-valid",
        "row 15: after the respond-by date refuses",
        lambda: a_case(certificate=bravo(starts_in=14 * DAY + SECOND)),
        REFUSAL,
    ),
    (
        "certificate.not-yet-valid",
        "row 15: without a date it waits",
        lambda: a_case(certificate=bravo(starts_in=14 * DAY), respond_by=None),
        NOTE,
    ),
    (
        "certificate.not-yet-valid",
        "SCX-11: over SCX refuses",
        lambda: an_scx_case(certificate=bravo(starts_in=SECOND)),
        REFUSAL,
    ),
    ("validity.lifetime", "at the community's limit is no matter", lambda: a_case(rules=Q[0]), None),
    ("validity.lifetime", "above it is noted", lambda: a_case(rules=Q[1]), NOTE),
    (
        "validity.lifetime",
        "thirty days left are no matter",
        lambda: a_case(certificate=bravo(expires_in=30 * DAY)),
        None,
    ),
    ("validity.lifetime", "less is noted", lambda: a_case(certificate=bravo(expires_in=30 * DAY - SECOND)), NOTE),
    ("validity.shorter", "a renewal that lasts longer is no matter", a_case, None),
    (
        "validity.shorter",
        "one that ends with it is no matter",
        lambda: a_case(certificate=bravo(expires_in=60 * DAY)),
        None,
    ),
    (
        "validity.shorter",
        "one that ends before it warns",
        lambda: a_case(certificate=bravo(expires_in=60 * DAY - SECOND)),
        WARNING,
    ),
    ("certificate.ca-flag", "row 18: no CA holds", a_case, OK),
    ("certificate.ca-flag", "CA:FALSE holds", lambda: a_case(certificate=bravo(ca=False)), OK),
    ("certificate.ca-flag", "row 18: an issued CA certificate refuses", lambda: a_case(certificate=CA_ISSUED), REFUSAL),
    ("certificate.ca-flag", "self-signed CA:TRUE that renews one warns", lambda: a_case(certificate=CA_SELF), WARNING),
    (
        "certificate.ca-flag",
        "self-signed CA:TRUE that is in use warns",
        lambda: a_case(certificate=CA_SELF, assignments=(theirs(CA_SELF, Usage.SIGN),)),
        WARNING,
    ),
    (
        "certificate.ca-flag",
        "self-signed CA:TRUE of a newcomer refuses",
        lambda: a_case(certificate=a_certificate("New", ca=True)),
        REFUSAL,
    ),
    ("key.kind", "RSA is no matter", an_scx_case, None),
    ("key.kind", "EC is no matter over AS2", lambda: a_case(certificate=EC_CERTIFICATE), None),
    ("key.kind", "EC refuses for OFTP2 files", lambda: an_scx_case(certificate=EC_CERTIFICATE), REFUSAL),
    (
        "key.kind",
        "EC is no matter for TLS of OFTP2",
        lambda: an_scx_case(certificate=EC_CERTIFICATE, usages=frozenset({Usage.TLS_SERVER})),
        None,
    ),
    ("key.kind", "any other key refuses", lambda: a_case(certificate=EDWARDS), REFUSAL),
    ("key.strength", "row 18: at the minimum holds", lambda: a_case(rules=CommunityRules(minimum_rsa_bits=2048)), OK),
    ("key.strength", "row 18: below it refuses", lambda: a_case(rules=CommunityRules(minimum_rsa_bits=2049)), REFUSAL),
    ("key.strength", "above any sense refuses", lambda: a_case(certificate=replace(RENEWAL, key_bits=16385)), REFUSAL),
    ("key.strength", "at OpenSSL's bound holds", lambda: a_case(certificate=replace(RENEWAL, key_bits=16384)), OK),
    ("key.strength", "P-256 holds", lambda: a_case(certificate=EC_CERTIFICATE), OK),
    (
        "key.strength",
        "an unusual curve refuses",
        lambda: a_case(certificate=replace(EC_CERTIFICATE, curve="secp224r1")),
        REFUSAL,
    ),
    ("key.strength", "another kind is judged elsewhere", lambda: a_case(certificate=EDWARDS), None),
    ("key.digest", "SHA-256 holds", a_case, OK),
    ("key.digest", "MD5 refuses", lambda: a_case(certificate=digest(RENEWAL, "md5")), REFUSAL),
    ("key.digest", "SHA-1 on itself is noted", lambda: a_case(certificate=digest(RENEWAL, "sha1")), NOTE),
    ("key.digest", "SHA-1 by an issuer warns", lambda: a_case(certificate=digest(ISSUED, "sha1")), WARNING),
    ("key.digest", "none is no matter", lambda: a_case(certificate=EDWARDS), None),
    ("usage.key-usage", "row 17: allowed holds", a_case, OK),
    ("usage.key-usage", "an absent extension allows everything", lambda: a_case(certificate=bravo(key_usage=None)), OK),
    (
        "usage.key-usage",
        "row 17: signing only refuses for encryption",
        lambda: a_case(certificate=bravo(key_usage=SIGN_ONLY)),
        REFUSAL,
    ),
    (
        "usage.key-usage",
        "row 17: encryption only refuses for signing",
        lambda: a_case(certificate=bravo(key_usage=ENCRYPT_ONLY)),
        REFUSAL,
    ),
    (
        "usage.key-usage",
        "signing only holds for signing",
        lambda: a_case(certificate=bravo(key_usage=SIGN_ONLY), usages=frozenset({Usage.SIGN})),
        OK,
    ),
    (
        "usage.key-usage",
        "nonRepudiation signs",
        lambda: a_case(certificate=bravo(key_usage=(KeyUsageBit.NON_REPUDIATION,)), usages=frozenset({Usage.SIGN})),
        OK,
    ),
    (
        "usage.key-usage",
        "an EC key encrypts by key agreement",
        lambda: a_case(certificate=a_certificate(key=ec_key(1), key_usage=(*SIGN_ONLY, KeyUsageBit.KEY_AGREEMENT))),
        OK,
    ),
    ("usage.key-usage", "an EC key cannot encipher", lambda: a_case(certificate=EC_CERTIFICATE), REFUSAL),
    (
        "usage.extended-key-usage",
        "serverAuth may sign files: only TLS is bound",
        lambda: a_case(certificate=TLS_SERVER_ONLY),
        None,
    ),
    (
        "usage.extended-key-usage",
        "TLS server with serverAuth is no matter",
        lambda: a_case(certificate=TLS_SERVER_ONLY, usages=frozenset({Usage.TLS_SERVER})),
        None,
    ),
    (
        "usage.extended-key-usage",
        "row 17: TLS client without clientAuth refuses",
        lambda: a_case(certificate=TLS_SERVER_ONLY, usages=frozenset({Usage.TLS_CLIENT})),
        REFUSAL,
    ),
    (
        "usage.extended-key-usage",
        "an absent extension allows TLS",
        lambda: a_case(usages=frozenset({Usage.TLS_CLIENT})),
        None,
    ),
    (
        "usage.client-auth",
        "kept is no matter",
        lambda: a_case(
            certificate=TLS_BOTH, assignments=(theirs(CURRENT_CLIENT, Usage.SIGN),), held=held(CURRENT_CLIENT)
        ),
        None,
    ),
    (
        "usage.client-auth",
        "gone is noted",
        lambda: a_case(
            certificate=TLS_SERVER_ONLY, assignments=(theirs(CURRENT_CLIENT, Usage.SIGN),), held=held(CURRENT_CLIENT)
        ),
        NOTE,
    ),
    ("usage.client-auth", "never there is no matter", lambda: a_case(certificate=TLS_SERVER_ONLY), None),
    ("chain.signature", "self-signed and fitting is no matter", a_case, None),
    ("chain.signature", "a missing chain is no wrong one", lambda: a_case(certificate=ISSUED), None),
    (
        "chain.signature",
        "its own issuer is no matter",
        lambda: a_case(certificate=ISSUED, chain=(INTERMEDIATE.certificate,)),
        None,
    ),
    (
        "chain.signature",
        "row 11: a signature that does not fit refuses",
        lambda: a_case(certificate=BROKEN, chain=(INTERMEDIATE.certificate,)),
        REFUSAL,
    ),
    ("chain.signature", "a self-signed one that was changed refuses", lambda: a_case(certificate=BROKEN_SELF), REFUSAL),
    (
        "chain.trusted",
        "row 11: to a trusted root holds",
        lambda: a_case(certificate=ISSUED, chain=(INTERMEDIATE.certificate,)),
        OK,
    ),
    (
        "chain.trusted",
        "row 12: completed from what is held holds",
        lambda: a_case(certificate=ISSUED, held=HELD | held(INTERMEDIATE.certificate)),
        OK,
    ),
    ("chain.trusted", "row 11: no chain warns over CEM", lambda: a_case(certificate=ISSUED), WARNING),
    (
        "chain.trusted",
        "row 11: a root that is not trusted warns over CEM",
        lambda: a_case(certificate=STRANGE, chain=(STRANGE_ROOT.certificate,)),
        WARNING,
    ),
    (
        "chain.trusted",
        "SCX-12: a root that is not trusted refuses over SCX",
        lambda: an_scx_case(certificate=STRANGE),
        REFUSAL,
    ),
    (
        "chain.trusted",
        "an expired issuer warns",
        lambda: a_case(certificate=mint("x", issuer=EXPIRED_CA).certificate, chain=(EXPIRED_CA.certificate,)),
        WARNING,
    ),
    (
        "chain.trusted",
        "an issuer that is no CA warns",
        lambda: a_case(certificate=mint("x", issuer=NO_CA).certificate, chain=(NO_CA.certificate,)),
        WARNING,
    ),
    ("chain.trusted", "row 13: a self-signed renewal holds", a_case, OK),
    ("chain.trusted", "row 13: a self-signed newcomer warns", lambda: a_case(certificate=NEWCOMER), WARNING),
    (
        "chain.trusted",
        "SCX-15: a self-signed newcomer refuses over SCX",
        lambda: an_scx_case(certificate=NEWCOMER),
        REFUSAL,
    ),
    (
        "chain.trusted",
        "a first exchange, where allowed, warns",
        lambda: an_scx_case(SCXType.REQUEST, certificate=NEWCOMER, assignments=(), agreement=FIRST),
        WARNING,
    ),
    ("chain.trusted", "this very one in use holds", lambda: a_case(certificate=CURRENT, trusted_roots=()), OK),
    ("chain.trusted", "without any root a renewal still holds", lambda: a_case(trusted_roots=()), OK),
    ("renewal.matches", "all four fields equal hold", a_case, OK),
    ("renewal.matches", "another issuer warns", lambda: a_case(certificate=unlike("issuer")), WARNING),
    ("renewal.matches", "another key usage warns", lambda: a_case(certificate=unlike("key usage")), WARNING),
    (
        "renewal.matches",
        "another extended key usage warns",
        lambda: a_case(certificate=unlike("extended key usage")),
        WARNING,
    ),
    ("renewal.matches", "a new subject is noted", lambda: a_case(certificate=NEWCOMER), NOTE),
    (
        "renewal.matches",
        "more usages than before warn",
        lambda: a_case(assignments=(theirs(CURRENT, Usage.SIGN),)),
        WARNING,
    ),
    ("renewal.matches", "the one in use itself is no renewal", lambda: a_case(certificate=CURRENT), None),
    ("renewal.names", "equal alternative names are no matter", a_case, None),
    (
        "renewal.names",
        "gained ones are noted",
        lambda: a_case(certificate=bravo(dns_names=["as2.bravo.example"])),
        NOTE,
    ),
    (
        "scx.tls-begins",
        "a first TLS client certificate is worth asking about",
        lambda: an_scx_case(usages=frozenset({Usage.TLS_CLIENT, Usage.FILE_SIGN})),
        WARNING,
    ),
    (
        "scx.tls-begins",
        "the successor of one in use is not",
        lambda: an_scx_case(usages=frozenset({Usage.TLS_CLIENT}), assignments=(theirs(CURRENT, Usage.TLS_CLIENT),)),
        None,
    ),
    ("scx.tls-begins", "files alone are not", an_scx_case, None),
    (
        "chain.trusted",
        "SCX-22: the first one with an announced identity holds",
        lambda: an_scx_case(
            SCXType.REQUEST, certificate=NEWCOMER, assignments=(), agreement=announcing("CN=Somebody Else")
        ),
        OK,
    ),
    (
        "scx.match",
        "SCX-22: another one than was announced refuses",
        lambda: an_scx_case(SCXType.REQUEST, certificate=NEWCOMER, assignments=(), agreement=announcing("CN=Nobody")),
        REFUSAL,
    ),
    (
        "scx.match",
        "SCX-22: also with a trusted chain",
        lambda: an_scx_case(
            SCXType.REQUEST,
            certificate=ISSUED,
            chain=(INTERMEDIATE.certificate,),
            assignments=(),
            agreement=announcing("CN=Nobody"),
        ),
        REFUSAL,
    ),
    (
        "scx.tls-begins",
        "CEM says itself what it is for",
        lambda: a_case(usages=frozenset({Usage.TLS_CLIENT})),
        None,
    ),
    ("scx.issuer-listed", "without a list nothing is asked", lambda: an_scx_case(certificate=ISSUED), None),
    (
        "scx.issuer-listed",
        "SCX-12: issued by a listed CA holds",
        lambda: an_scx_case(certificate=ISSUED, listed_issuers=(ROOT.certificate, INTERMEDIATE.certificate)),
        OK,
    ),
    (
        "scx.issuer-listed",
        "SCX-14: issued by a CA off the list refuses",
        lambda: an_scx_case(certificate=STRANGE, listed_issuers=(ROOT.certificate, INTERMEDIATE.certificate)),
        REFUSAL,
    ),
    (
        "scx.issuer-listed",
        "SCX-14: issued by the listed root itself refuses",
        lambda: an_scx_case(
            certificate=mint("Bravo Bows", key=rsa_key(2), issuer=ROOT).certificate,
            listed_issuers=(ROOT.certificate, INTERMEDIATE.certificate),
        ),
        REFUSAL,
    ),
    (
        "scx.issuer-listed",
        "SCX-15: a self-signed successor needs no list",
        lambda: an_scx_case(listed_issuers=(INTERMEDIATE.certificate,)),
        None,
    ),
    (
        "scx.issuer-listed",
        "CEM knows no list",
        lambda: a_case(certificate=STRANGE, listed_issuers=(INTERMEDIATE.certificate,)),
        None,
    ),
    ("scx.match", "SCX-16: a match holds", an_scx_case, OK),
    (
        "scx.match",
        "SCX-20: without a match and without trust refuses",
        lambda: an_scx_case(certificate=NEWCOMER),
        REFUSAL,
    ),
    (
        "scx.match",
        "SCX-23: unmatched with a trusted chain is noted",
        lambda: an_scx_case(certificate=ISSUED, chain=(INTERMEDIATE.certificate,)),
        NOTE,
    ),
    (
        "scx.match",
        "SCX-18: the old one named by its CLID holds",
        lambda: an_scx_case(certificate=ISSUED, named_old=frozenset({CURRENT.fingerprint})),
        OK,
    ),
    (
        "scx.match",
        "a Replace that matches nothing refuses",
        lambda: an_scx_case(SCXType.REPLACE, certificate=ISSUED, chain=(INTERMEDIATE.certificate,)),
        REFUSAL,
    ),
    (
        "scx.match",
        "SCX-22: a first exchange where the agreement allows it is noted",
        lambda: an_scx_case(SCXType.REQUEST, certificate=NEWCOMER, assignments=(), agreement=FIRST),
        NOTE,
    ),
    (
        "scx.match",
        "a first exchange where it does not refuses",
        lambda: an_scx_case(SCXType.REQUEST, certificate=NEWCOMER, assignments=()),
        REFUSAL,
    ),
    (
        "scx.match",
        "a first exchange by Deliver refuses",
        lambda: an_scx_case(SCXType.DELIVER, certificate=NEWCOMER, assignments=(), agreement=FIRST),
        REFUSAL,
    ),
    (
        "scx.match",
        "a first exchange beside one in use refuses",
        lambda: an_scx_case(SCXType.REQUEST, certificate=NEWCOMER, agreement=FIRST),
        REFUSAL,
    ),
    ("scx.match", "does not apply to CEM", a_case, None),
    ("scx.replace-early", "a Deliver is no matter", an_scx_case, None),
    ("scx.replace-early", "a Replace long before the end is noted", lambda: an_scx_case(SCXType.REPLACE), NOTE),
    (
        "scx.replace-early",
        "a week before the end is no matter",
        lambda: an_scx_case(SCXType.REPLACE, now=NOW + 53 * DAY),
        None,
    ),
    (
        "scx.replace-early",
        "a little more than a week is noted",
        lambda: an_scx_case(SCXType.REPLACE, now=NOW + 53 * DAY - SECOND),
        NOTE,
    ),
    ("history.ours", "another's key holds", a_case, OK),
    ("history.ours", "our own certificate refuses", lambda: a_case(certificate=OURS), REFUSAL),
    (
        "history.ours",
        "our key in another certificate refuses",
        lambda: a_case(certificate=bravo(key=rsa_key(0))),
        REFUSAL,
    ),
    ("history.replay", "never seen holds", a_case, OK),
    ("history.replay", "a revoked one refuses", lambda: a_case(revoked=frozenset({RENEWAL.fingerprint})), REFUSAL),
    ("history.replay", "a retired one warns", lambda: a_case(retired=frozenset({RENEWAL.fingerprint})), WARNING),
    (
        "history.replay",
        "retired elsewhere but in use here holds",
        lambda: a_case(certificate=CURRENT, retired=frozenset({CURRENT.fingerprint})),
        OK,
    ),
    ("key.reuse", "a new key holds", a_case, OK),
    ("key.reuse", "the partner's own earlier key is noted", lambda: a_case(certificate=bravo(key=rsa_key(1))), NOTE),
    (
        "key.reuse",
        "another partner's key warns",
        lambda: a_case(held=HELD | held(REVOKED_SAME_KEY, partner_id="other")),
        WARNING,
    ),
    (
        "key.reuse",
        "a retired one's key warns",
        lambda: a_case(held=HELD | held(REVOKED_SAME_KEY), retired=frozenset({REVOKED_SAME_KEY.fingerprint})),
        WARNING,
    ),
    (
        "key.reuse",
        "a revoked one's key refuses",
        lambda: a_case(held=HELD | held(REVOKED_SAME_KEY), revoked=frozenset({REVOKED_SAME_KEY.fingerprint})),
        REFUSAL,
    ),
    ("chain.revoked", "row 16: good holds", a_case, OK),
    (
        "chain.revoked",
        "row 16: revoked refuses",
        lambda: a_case(certificate=ISSUED, revocation=Revocation.REVOKED),
        REFUSAL,
    ),
    (
        "chain.revoked",
        "row 16: revoked refuses although nothing is configured",
        lambda: a_case(certificate=ISSUED, revocation=Revocation.REVOKED, revocation_configured=False),
        REFUSAL,
    ),
    (
        "chain.revoked",
        "unknown is noted where configured",
        lambda: a_case(certificate=ISSUED, revocation=Revocation.UNKNOWN),
        NOTE,
    ),
    (
        "chain.revoked",
        "unknown is no matter elsewhere",
        lambda: a_case(certificate=ISSUED, revocation=Revocation.UNKNOWN, revocation_configured=False),
        None,
    ),
    ("chain.revoked", "a self-signed one has no list", lambda: a_case(revocation=Revocation.UNKNOWN), None),
    (
        "chain.revoked",
        "SCX-13: a stale list warns",
        lambda: a_case(certificate=ISSUED, revocation=Revocation.STALE),
        WARNING,
    ),
    (
        "chain.revoked",
        "an unreachable list warns",
        lambda: a_case(certificate=ISSUED, revocation=Revocation.UNREACHABLE),
        WARNING,
    ),
    ("renewal.already-accepted", "row 19: in use for all of it holds", lambda: a_case(certificate=CURRENT), OK),
    (
        "renewal.already-accepted",
        "in use for a part of it is no matter",
        lambda: a_case(certificate=CURRENT, assignments=(theirs(CURRENT, Usage.SIGN),)),
        None,
    ),
    ("renewal.already-accepted", "a new one is no matter", a_case, None),
]


@pytest.mark.parametrize(("code", "claim", "make", "expected"), CASES, ids=[f"{c}: {t}" for c, t, _, _ in CASES])
def test_policy(code: str, claim: str, make: Make, expected: Severity | None) -> None:
    finding = ask(code, make())
    assert (finding.severity if finding else None) is expected, claim
    if finding:
        assert finding.code == code
        assert finding.subject
        assert finding.text.endswith(".")


def test_every_policy_is_tested_and_codes_are_unique() -> None:
    chains = ENVELOPE_CHAIN + CERTIFICATE_CHAIN + RELATION_CHAIN
    assert len({p.code for p in chains}) == len(chains)
    assert {code for code, *_ in CASES} == {p.code for p in chains}


@pytest.mark.parametrize("code", POLICIES)
def test_each_policy_both_fires_and_keeps_still(code: str) -> None:
    seen = {expected for c, _, _, expected in CASES if c == code}
    quiet = {OK, None}
    loud = {NOTE, WARNING, REFUSAL}
    assert seen & quiet
    assert seen & loud or code == "renewal.already-accepted", "only the last one never objects"


def test_refusals_name_nobody_else() -> None:
    """Taste checklist 14: what a partner reads speaks of nothing that only we know."""
    secrets = ["Alpha", "other", OURS.fingerprint, "Trusted Root", "user:mara", CURRENT.fingerprint]
    for code, _, make, expected in CASES:
        if expected is REFUSAL:
            finding = ask(code, make())
            assert finding is not None
            assert not [s for s in secrets if s in finding.text], finding.text


def test_refusals_say_what_to_do() -> None:
    for code, _, make, expected in CASES:
        if expected is REFUSAL:
            finding = ask(code, make())
            assert finding is not None
            assert code == "certificate.readable" or finding.text.count(". ") >= 1, finding.text


def test_a_policy_on_a_certificate_needs_one() -> None:
    with pytest.raises(NoCertificate):
        ask("certificate.expired", a_case(certificate=None))


def test_subjects_name_the_certificate_or_the_sender() -> None:
    assert ask("envelope.names", a_case()).subject == RENEWAL.fingerprint  # type: ignore[union-attr]
    assert ask("certificate.readable", a_case(certificate=None)).subject == "BRAVO"  # type: ignore[union-attr]


def test_only_their_live_assignments_count_as_in_use() -> None:
    ours_alike = replace(theirs(CURRENT, Usage.SIGN), side=Side.OURS)
    retired = theirs(CURRENT, Usage.SIGN, AssignmentState.RETIRED)
    for row in (ours_alike, retired):
        assert severity("renewal.matches", a_case(assignments=(row,))) is NOTE


def test_a_first_exchange_asks_only_for_its_own_usages() -> None:
    """A certificate in use for TLS does not stand in the way of a first one for files."""
    tls = (theirs(CURRENT, Usage.TLS_SERVER),)
    case = an_scx_case(SCXType.REQUEST, certificate=NEWCOMER, assignments=tls, agreement=FIRST, usages=OFTP2_USAGES)
    assert severity("scx.match", case) is NOTE
