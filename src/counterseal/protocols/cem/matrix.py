"""The 34 rows of cem.md section 6: which condition goes which way, and who decides it.

    M   error MDN: the message was not understood, its contents are ignored, it is sent again   -> a CEMFault is raised
    R   CEM Response: a decision on one certificate                                             -> Offer.problem, or a finding
    S   silence: the MDN stays positive, something is ignored                                   -> a value or a leniency

Never M and R together: an error MDN says "contents ignored" (2.3, 6).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Channel(StrEnum):
    MDN = "M"
    RESPONSE = "R"
    SILENT = "S"


class Decider(StrEnum):
    """Which layer sees the condition."""

    CORE = "core"
    """This package."""
    TRANSPORT = "transport"
    """AS2: signature, decryption, MIC, Message-ID."""
    DOMAIN = "domain"
    """Trust policy and states."""
    ENGINE = "engine"
    """What needs the store: open requests, agreements, addresses."""


class OfferProblem(StrEnum):
    """What is wrong with one certificate of an otherwise readable Request: its answer is ``Rejected`` (rows 8 and 9)."""

    PART_MISSING = "cem.part-missing"
    PART_UNREADABLE = "cem.part-unreadable"
    NO_END_ENTITY = "cem.no-end-entity"
    SEVERAL_END_ENTITIES = "cem.several-end-entities"
    IDENTIFIER_MISMATCH = "cem.identifier-mismatch"


PROBLEM_REASONS: Final[dict[OfferProblem, str]] = {
    OfferProblem.PART_MISSING: "No certificate part has the Content-ID that CertificateContentID names.",
    OfferProblem.PART_UNREADABLE: "The certificate part is not a readable certs-only message.",
    OfferProblem.NO_END_ENTITY: "The certificate part holds no end-entity certificate.",
    OfferProblem.SEVERAL_END_ENTITIES: "The certificate part holds more than one end-entity certificate.",
    OfferProblem.IDENTIFIER_MISMATCH: "The certificate in the part is not the one that CertificateIdentifier names.",
}
"""ReasonForRejection, as the partner is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    number: int
    condition: str
    channel: Channel
    decider: Decider
    codes: tuple[str, ...]
    """Core rows: the codes of faults (M), of ``OfferProblem`` (R, M where nothing is usable) or of ``Leniency`` (S), of
    which one appears. Other rows: empty, the layer's own codes apply."""


def _row(number: int, channel: Channel, decider: Decider, condition: str, *codes: str) -> Row:
    return Row(number=number, condition=condition, channel=channel, decider=decider, codes=codes)


_M, _R, _S = Channel.MDN, Channel.RESPONSE, Channel.SILENT
_CORE, _WIRE, _DOMAIN, _ENGINE = Decider.CORE, Decider.TRANSPORT, Decider.DOMAIN, Decider.ENGINE

ROWS: Final = (
    _row(1, _M, _WIRE, "decryption, signature or MIC failure"),
    _row(2, _R, _DOMAIN, "unsigned Request: pending for a person, never automatic; M by policy"),
    _row(3, _M, _WIRE, "signed by a certificate that is not accepted now, the new one included"),
    _row(4, _M, _CORE, "XML not well-formed", "cem.malformed-xml", "cem.dtd-forbidden", "cem.too-large"),
    _row(5, _M, _CORE, "schema-invalid, wrong root", "cem.schema-invalid", "cem.wrong-root"),
    _row(
        6,
        _M,
        _CORE,
        "no XML part, two XML parts, XML part not root, missing or duplicate Content-ID",
        "cem.not-cem",
        "cem.malformed-package",
        "cem.xml-part-missing",
        "cem.xml-part-ambiguous",
        "cem.xml-part-not-root",
        "cem.content-id-missing",
        "cem.content-id-duplicate",
    ),
    _row(7, _M, _ENGINE, "Name is not AS2-From", "cem.name-mismatch"),
    _row(
        8,
        _R,
        _CORE,
        "part missing, not a P7C, no or two end entities; M when nothing is usable",
        "cem.part-missing",
        "cem.part-unreadable",
        "cem.no-end-entity",
        "cem.several-end-entities",
        "cem.nothing-usable",
    ),
    _row(9, _R, _CORE, "end entity is not the CertificateIdentifier's", "cem.identifier-mismatch"),
    _row(10, _S, _CORE, "same certificate twice in one Request: usages merged, one answer", "certificate-twice"),
    _row(11, _R, _DOMAIN, "chain missing or not to an anchor"),
    _row(12, _S, _CORE, "P7C with the end entity only: the receiver may hold the issuer", "issuer-missing"),
    _row(13, _S, _DOMAIN, "self-signed end entity: trusted through the signed Request"),
    _row(14, _R, _DOMAIN, "end entity expired"),
    _row(15, _R, _DOMAIN, "not yet valid: pending until it is, rejected when that is after the respond-by date"),
    _row(16, _R, _DOMAIN, "revoked by CRL or OCSP"),
    _row(17, _R, _DOMAIN, "key usage does not allow the CertUsage"),
    _row(18, _R, _DOMAIN, "weak key or algorithm, CA certificate as end entity"),
    _row(19, _R, _DOMAIN, "already accepted for the same usage: Accepted again"),
    _row(20, _R, _ENGINE, "same requestId, same content: the stored decision again"),
    _row(21, _R, _ENGINE, "same requestId, other content: a Request of its own"),
    _row(22, _S, _WIRE, "duplicate Message-ID: the stored MDN, nothing else"),
    _row(23, _S, _ENGINE, "Response with unknown requestId"),
    _row(24, _S, _ENGINE, "Response without requestId: matched by reference if exactly one fits"),
    _row(25, _S, _ENGINE, "Response from another partner than was asked"),
    _row(26, _S, _ENGINE, "TrustResponse for a certificate that was not offered"),
    _row(27, _S, _CORE, "certificate answered twice in one Response: Response.answers_twice", "answers-twice"),
    _row(28, _S, _DOMAIN, "later decision of another status"),
    _row(29, _S, _ENGINE, "MessageOriginated far off"),
    _row(30, _M, _CORE, "unknown CertUsage", "cem.schema-invalid"),
    _row(31, _S, _CORE, "unknown Extensions or wildcard content: ignored"),
    _row(32, _S, _ENGINE, "Request of a partner that does not announce CEM: taken"),
    _row(33, _S, _ENGINE, "ResponseURL of another scheme or host: guard"),
    _row(34, _R, _DOMAIN, "usage that we do not support: rejected with a reason"),
)
