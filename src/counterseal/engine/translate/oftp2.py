"""Between an agreement's words and OFTP2's: offers, file plans, requirements, SFIDs, reasons. The only bridge to that core."""

import base64
from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Final

from counterseal.domain.admission import RefusalCode
from counterseal.domain.agreement import OFTP2Terms
from counterseal.domain.virtual_file import RecordFormat, VirtualFile
from counterseal.kernel.keys import Digest, Signer
from counterseal.kernel.x509 import Certificate
from counterseal.protocols import cms
from counterseal.protocols.oftp2.codec import build_command, parse_command
from counterseal.protocols.oftp2.commands import EERP, NERP, SFID, Receipt
from counterseal.protocols.oftp2.endresponse import build_eerp, build_nerp, sign_receipt
from counterseal.protocols.oftp2.machine import Settings
from counterseal.protocols.oftp2.negotiation import Mode, Offer
from counterseal.protocols.oftp2.quirks import Quirk
from counterseal.protocols.oftp2.reasons import FileReason, NERPReason, nerp_reason
from counterseal.protocols.oftp2.security import FilePlan, Need, Requirements
from counterseal.protocols.oftp2.suites import SUITES, Suite

COMPRESSION_LEVEL: Final = 1
BLOCK: Final = 1024
_NUMBERS: Final = frozenset({"lrecl", "fsiz", "osiz", "rest"})
_RECORDS: Final = "records"
"""Beside the SFID's fields: the original's record count of a secured F or V file (RFC 5024 §5.3.8)."""
_ALWAYS_TOLERATED: Final = frozenset({Quirk.UNKNOWN_REASON, Quirk.NEWER_LEVEL})

_REASONS: Final = {
    RefusalCode.AUTHENTICATION_FAILED: FileReason.INVALID_SIGNATURE,
    RefusalCode.INSUFFICIENT_SECURITY: FileReason.UNSIGNED_NOT_ALLOWED,
    RefusalCode.UNKNOWN_RELATIONSHIP: FileReason.INVALID_DESTINATION,
    RefusalCode.DUPLICATE_ID: FileReason.DUPLICATE_FILE,
}


def suite_of(terms: OFTP2Terms) -> Suite:
    return SUITES[f"{terms.cipher_suite:02d}"]


def suite_named(code: str) -> Suite | None:
    """``None`` for 00 and for suites that are not read here."""
    return SUITES.get(code)


def offer_of(terms: OFTP2Terms, *, code: str, password: str) -> Offer:
    return Offer(
        code=code,
        password=password,
        user="",
        buffer_octets=terms.buffer_bytes,
        credit=terms.credit,
        mode=Mode.BOTH,
        compression=terms.buffer_compression,
        restart=terms.restart,
        authentication=terms.secure_authentication,
    )


def settings_of(terms: OFTP2Terms) -> Settings:
    refused = frozenset(Quirk) - _ALWAYS_TOLERATED if terms.strict else frozenset()
    return Settings(inactivity=terms.inactivity, refused_quirks=refused)


def requirements_of(terms: OFTP2Terms) -> Requirements:
    """What we ask of files that come in. More than is asked is always taken."""
    return Requirements(
        signature=Need.REQUIRED if terms.require_signed else Need.ALLOWED,
        encryption=Need.REQUIRED if terms.require_encrypted else Need.ALLOWED,
        compression=Need.ALLOWED,
        suites=frozenset(SUITES),
    )


def plan_of(
    terms: OFTP2Terms, file: VirtualFile, *, signer: Signer | None, recipient: Certificate | None, now: datetime
) -> FilePlan:
    """§6.2: the certificate stays outside; the partner has it."""
    compress = terms.compress if file.compress is None else file.compress
    return FilePlan(
        suite=suite_of(terms),
        signer=signer,
        embed_certificate=False,
        signing_time=now if signer is not None else None,
        compression_level=COMPRESSION_LEVEL if compress else None,
        recipient=recipient,
    )


def blocks(octets: int) -> int:
    """A size as SFIDFSIZ counts it."""
    return -(-octets // BLOCK)


def stamp_of(now: datetime, counter: int) -> tuple[str, str]:
    """SFIDDATE and SFIDTIME; ``counter`` is 1 to 9999."""
    return now.strftime("%Y%m%d"), f"{now:%H%M%S}{counter:04d}"


def wire_id_of(file: SFID | Receipt) -> str:
    """What identifies a file for good (§1.5.2): its name, date, time and originator. A receipt names the same file."""
    originator = file.orig if isinstance(file, SFID) else file.dest
    return f"{file.dsn} {file.date} {file.time} {originator}"


def shape_of(sfid: SFID) -> str:
    """What must be equal for a restart to make sense."""
    return " ".join((sfid.fmt, str(sfid.lrecl), sfid.sec, sfid.ciph, sfid.comp, sfid.env))


def headers_of(sfid: SFID, *, records: int) -> tuple[tuple[str, str], ...]:
    """An SFID as a message row keeps it; its restart position belongs to an attempt and is left out."""
    named = [(f.name, getattr(sfid, f.name)) for f in fields(sfid) if f.name != "rest"]
    kept = [(f"SFID{name.upper()}", _text(value)) for name, value in named]
    return (*kept, (_RECORDS, str(records)))


def _text(value: str | int | bool) -> str:
    return ("Y" if value else "N") if isinstance(value, bool) else str(value)


def sfid_of(headers: Sequence[tuple[str, str]], *, rest: int) -> SFID:
    kept = dict(headers)
    values: dict[str, str | int | bool] = {"rest": rest}
    for field in fields(SFID):
        if field.name == "rest":
            continue
        text = kept[f"SFID{field.name.upper()}"]
        values[field.name] = int(text) if field.name in _NUMBERS else text == "Y" if field.name == "sign" else text
    return SFID(**values)  # type: ignore[arg-type]


def records_of(headers: Sequence[tuple[str, str]]) -> int:
    return int(dict(headers).get(_RECORDS, "0"))


def virtual_file_of(sfid: SFID) -> VirtualFile:
    recorded = sfid.fmt in {"F", "V"}
    return VirtualFile(
        dataset_name=sfid.dsn,
        format=RecordFormat(sfid.fmt),
        record_length=sfid.lrecl if recorded else 0,
        description=sfid.desc,
        sign=sfid.sec in {"02", "03"},
        compress=sfid.comp == "1",
        encrypt=sfid.sec in {"01", "03"},
        receipt_signed=sfid.sign,
    )


def layers_of(sfid: SFID) -> tuple[str, ...]:
    """Outermost first, in the words of the document's page."""
    suite = suite_named(sfid.ciph)
    layers = []
    if sfid.sec in {"01", "03"} and suite is not None:
        layers.append(f"encrypted {suite.cipher.value}, key by {suite.transport.value}")
    if sfid.comp == "1":
        layers.append("compressed zlib")
    if sfid.sec in {"02", "03"} and suite is not None:
        layers.append(f"signed {suite.digest.value}, {suite.scheme.value}")
    return tuple(layers)


def hash_text(digest: bytes, suite: Suite) -> str:
    """The hash of the file as transmitted, as a message row keeps it."""
    return f"{base64.b64encode(digest).decode('ascii')}, {suite.digest.value}"


def hash_of(text: str) -> bytes:
    return base64.b64decode(text.split(",", 1)[0])


def digest_of(text: str) -> Digest:
    return Digest(text.split(",", 1)[1].strip())


def reason_of(code: RefusalCode) -> FileReason:
    """The EFNA reason of an admission's refusal."""
    return _REASONS[code]


def eerp_for(sfid: SFID) -> EERP:
    return build_eerp(sfid)


def nerp_for(sfid: SFID, *, creator: str, reason: NERPReason, text: str) -> NERP:
    return build_nerp(sfid, creator=creator, reason=reason, text=text)


def signed_receipt(receipt: Receipt, *, file_digest: bytes, suite: Suite, signer: Signer, now: datetime) -> Receipt:
    return sign_receipt(receipt, file_digest=file_digest, suite=suite, signer=signer, embed_certificate=False, at=now)


def receipt_octets(receipt: Receipt) -> bytes:
    return build_command(receipt)


def receipt_from(octets: bytes) -> Receipt:
    command, _ = parse_command(octets)
    assert isinstance(command, EERP | NERP)
    return command


def receipt_words(receipt: Receipt) -> str:
    """The disposition that a message row shows."""
    if isinstance(receipt, EERP):
        return "EERP"
    reason = nerp_reason(receipt.reas)
    name = reason.name.lower().replace("_", " ") if reason is not None else "unknown reason"
    return f"NERP {receipt.reas} {name}" + (f": {receipt.reast}" if receipt.reast else "")


def file_reason_words(code: str, reason: FileReason) -> str:
    return f"{code} {reason.name.lower().replace('_', ' ')}"


LIMITS: Final = cms.DEFAULT_LIMITS
