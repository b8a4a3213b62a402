"""Between an agreement's words and AS2's: protection, envelope, receipts, faults, leniencies. The only bridge to that core."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from counterseal.domain import agreement as terms_
from counterseal.domain.admission import RefusalCode
from counterseal.domain.agreement import AS2Terms, SignaturePadding
from counterseal.kernel.errors import PeerFault
from counterseal.kernel.finding import Finding, Severity
from counterseal.kernel.keys import Digest, KeyKind, SignatureScheme, Signer
from counterseal.kernel.mime import Chunks, TransferEncoding
from counterseal.kernel.x509 import Certificate
from counterseal.protocols import as2, cms
from counterseal.protocols.as2 import (
    CompressedLayer,
    Disposition,
    EncryptedLayer,
    Envelope,
    Layer,
    Leniency,
    MessageHead,
    Progress,
    Protection,
    Receipt,
    SignedLayer,
    WantedReceipt,
)

FEATURES: Final = ("CEM", "multiple-attachments")
"""On everything, receipts too: one product announces CEM by the latest message (as2-peers P-16)."""

_PROFILES: Final = {
    terms_.Profile.RFC4130: as2.Profile.RFC4130,
    terms_.Profile.MODERN: as2.Profile.MODERN,
}
_COMPRESSION: Final = {
    terms_.Compression.NONE: as2.Compression.NONE,
    terms_.Compression.BEFORE_SIGNING: as2.Compression.BEFORE_SIGNING,
    terms_.Compression.AFTER_SIGNING: as2.Compression.AFTER_SIGNING,
}
_ENCODINGS: Final = {
    terms_.TransferEncoding.BINARY: TransferEncoding.BINARY,
    terms_.TransferEncoding.BASE64: TransferEncoding.BASE64,
}
_REFUSALS: Final[Mapping[RefusalCode, type[as2.AS2Fault]]] = {
    RefusalCode.UNKNOWN_RELATIONSHIP: as2.UnknownRelationship,
    RefusalCode.INSUFFICIENT_SECURITY: as2.InsufficientSecurity,
    RefusalCode.DUPLICATE_ID: as2.DuplicateMessageID,
}


def profile_of(terms: AS2Terms) -> as2.Profile:
    return _PROFILES[terms.profile]


def signing_plan(terms: AS2Terms, signer: Signer, chain: Sequence[Certificate], now: datetime) -> cms.SigningPlan:
    """We sign with one certificate, embedded with its issuers (cem.md 2.5: the signer's must be inside)."""
    rsa = SignatureScheme.RSA_PSS if terms.padding is SignaturePadding.PSS else SignatureScheme.RSA_PKCS1
    return cms.SigningPlan(
        signer=signer,
        digest=terms.digest,
        scheme=SignatureScheme.ECDSA if signer.kind is KeyKind.EC else rsa,
        certificates=(signer.certificate_der, *(c.der for c in chain)),
        signing_time=now,
    )


def encryption_plan(terms: AS2Terms, recipient: Certificate) -> cms.EncryptionPlan:
    cipher = cms.ContentCipher(terms.cipher.value)
    return cms.EncryptionPlan(
        recipients=(recipient,),
        transport=terms.key_transport,
        cipher=cipher,
        authenticated=cipher.mode == "gcm" and not terms.gcm_in_enveloped_data,
        allow_legacy=terms.cipher is terms_.Cipher.TRIPLE_DES_CBC,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One message to be built."""

    terms: AS2Terms
    as2_from: str
    as2_to: str
    message_id: str
    subject: str
    receipt_to: str
    """An address for Disposition-Notification-To."""
    receipt_url: str
    """Where an asynchronous receipt is to come."""
    product: str
    sign: cms.SigningPlan | None
    encrypt: cms.EncryptionPlan | None
    now: datetime


def build_document(
    out: Outgoing,
    content: Chunks,
    *,
    content_type: str,
    file_name: str | None,
    size: int,
    entropy: Callable[[int], bytes],
) -> as2.BuiltMessage:
    """A business document."""
    entity = as2.document_entity(
        content,
        content_type=content_type,
        file_name=file_name if out.terms.preserve_file_name else None,
        size=size,
        transfer_encoding=_ENCODINGS[out.terms.transfer_encoding],
    )
    return as2.build_message(entity, envelope=_envelope(out), protection=_protection(out), entropy=entropy)


def build_raw(
    out: Outgoing, content: Chunks, *, content_type: str, size: int, entropy: Callable[[int], bytes]
) -> as2.BuiltMessage:
    """An entity that is sent exactly as it is: a certificate message, whose MIC covers these octets."""
    entity = as2.Entity(headers=(("Content-Type", content_type),), body=content, size=size, transfer_encoding=None)
    return as2.build_message(entity, envelope=_envelope(out), protection=_protection(out), entropy=entropy)


def _protection(out: Outgoing) -> Protection:
    return Protection(
        sign=out.sign,
        encrypt=out.encrypt,
        compress=_COMPRESSION[out.terms.compress],
        transfer_encoding=_ENCODINGS[out.terms.transfer_encoding],
    )


def _envelope(out: Outgoing) -> Envelope:
    return Envelope(
        as2_from=out.as2_from,
        as2_to=out.as2_to,
        message_id=out.message_id,
        date=out.now,
        subject=out.subject,
        receipt=_wanted(out),
        profile=profile_of(out.terms),
        features=FEATURES,
        product=out.product,
    )


def _wanted(out: Outgoing) -> WantedReceipt | None:
    terms = out.terms
    if terms.receipt is terms_.ReceiptMode.NONE:
        return None
    later = terms.receipt is terms_.ReceiptMode.ASYNC
    return WantedReceipt(
        mode=as2.ReceiptMode.ASYNC if later else as2.ReceiptMode.SYNC,
        signed=terms.receipt_signed,
        micalgs=(terms.digest,),
        url=out.receipt_url if later else None,
        to=out.receipt_to,
    )


_UNCOMPRESSED: Final = " uncompressed"


def format_mics(mics: Mapping[Digest, bytes], uncompressed: Mapping[Digest, bytes] | None = None) -> str:
    """How a message row keeps its MICs: ``base64, micalg; base64, micalg``, then those of the uncompressed part."""
    texts = [as2.MIC(digest=d, octets=o).format() for d, o in mics.items()]
    texts += [as2.MIC(digest=d, octets=o).format() + _UNCOMPRESSED for d, o in (uncompressed or {}).items()]
    return "; ".join(texts)


def parse_uncompressed_mics(text: str) -> dict[Digest, bytes]:
    """Those that are marked so; ``parse_mics`` passes over them."""
    parts = (part.strip() for part in text.split(";"))
    return parse_mics(";".join(p.removesuffix(_UNCOMPRESSED) for p in parts if p.endswith(_UNCOMPRESSED)))


def parse_mics(text: str) -> dict[Digest, bytes]:
    found = (as2.MIC.parse(part) for part in text.split(";") if part.strip())
    return {mic.digest: mic.octets for mic in found if mic is not None}


def fault_of(code: RefusalCode, text: str) -> PeerFault:
    """The AS2 fault for an admission's refusal."""
    if code is RefusalCode.AUTHENTICATION_FAILED:
        return cms.SignerUnknown(text)
    return _REFUSALS[code](text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """What a receipt of ours needs besides the message's head."""

    head: MessageHead
    receipt_id: str
    profile: as2.Profile
    product: str
    now: datetime


def receipt_for(answering: Answering, *, mics: Mapping[Digest, bytes], signature: Digest | None) -> Receipt:
    """Everything went well. Raises ``UnsupportedMICAlgorithm``, which is answered with ``receipt_about``."""
    request = answering.head.receipt_request
    requested = request.micalgs if request else ()
    chosen = as2.choose_digest(requested, signature=signature)
    octets = mics.get(chosen)
    spelled = as2.spelling_of(chosen, requested)
    mic = as2.MIC(digest=chosen, octets=octets, spelled=spelled) if octets is not None else None
    return _receipt(answering, as2.PROCESSED, mic=mic, text="The message was received and is stored.", details=())


def receipt_about(answering: Answering, fault: PeerFault) -> Receipt:
    """The message was refused; every decryption failure reads the same."""
    row = as2.row_of(fault)
    hidden = fault.code == "cms.decryption-failed"
    detail = row.sentence if hidden or not fault.detail else f"{row.sentence} {_sentence(fault.detail)}"
    disposition = row.disposition(answering.profile)
    return _receipt(answering, disposition, mic=None, text=detail, details=(detail,))


def _sentence(text: str) -> str:
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def _receipt(
    answering: Answering, disposition: Disposition, *, mic: as2.MIC | None, text: str, details: tuple[str, ...]
) -> Receipt:
    head = answering.head
    return Receipt(
        as2_from=head.as2_to,
        as2_to=head.as2_from,
        message_id=answering.receipt_id,
        date=answering.now,
        subject=f"Receipt for {head.subject}" if head.subject else "Receipt",
        original_message_id=head.message_id_as_sent,
        disposition=disposition,
        mic=mic,
        text=text,
        details=details,
        profile=answering.profile,
        features=FEATURES,
        product=answering.product,
    )


def words_of(layer: Layer) -> str:
    """A layer as the document's page says it."""
    match layer:
        case EncryptedLayer():
            return f"encrypted {layer.cipher.value}, key by {layer.transport.value}"
        case CompressedLayer():
            return "compressed zlib"
        case SignedLayer(signers=()):
            return "signed"
        case SignedLayer():
            first = layer.signers[0]
            return f"signed {first.digest.value}, {first.scheme.value}"


def built_layers(
    terms: AS2Terms, *, sign: cms.SigningPlan | None, encrypt: cms.EncryptionPlan | None
) -> tuple[str, ...]:
    """What we put around a document, outermost first, in the same words."""
    layers = []
    if encrypt is not None:
        layers.append(f"encrypted {encrypt.cipher.value}, key by {encrypt.transport.value}")
    if terms.compress is terms_.Compression.AFTER_SIGNING:
        layers.append("compressed zlib")
    if sign is not None:
        layers.append(f"signed {sign.digest.value}, {sign.scheme.value}")
    if terms.compress is terms_.Compression.BEFORE_SIGNING:
        layers.append("compressed zlib")
    return tuple(layers)


def leniency_findings(progress: Progress) -> tuple[Finding, ...]:
    return findings_about(progress.leniencies, progress.head.message_id or "")


def findings_about(leniencies: frozenset[Leniency], subject: str) -> tuple[Finding, ...]:
    """What was overlooked in a message, as notes."""
    return tuple(
        Finding(
            code=f"as2.tolerated.{leniency.name.lower().replace('_', '-')}",
            severity=Severity.NOTE,
            subject=subject,
            text=f"Tolerated: {leniency.value.replace('-', ' ')}.",
        )
        for leniency in sorted(leniencies, key=lambda item: item.name)
    )
