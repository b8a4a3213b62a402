"""What the simulated partner returns for a file: right, or wrong in one chosen way."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from counterseal.kernel.keys import Signer
from counterseal.kernel.x509 import Certificate
from counterseal.protocols import cms
from counterseal.protocols.oftp2.commands import SFID, Receipt
from counterseal.protocols.oftp2.endresponse import build_eerp, build_nerp, sign_receipt, signed_octets
from counterseal.protocols.oftp2.reasons import NERPReason
from counterseal.protocols.oftp2.security import signing_plan
from counterseal.protocols.oftp2.suites import SUITES, Suite
from counterseal_sim.oftp2.dials import OFTP2Dials, ReturnDial
from counterseal_sim.party import Party

_NERPS = frozenset({ReturnDial.NERP, ReturnDial.NERP_ODD_REASON})


def receipt_for(sfid: SFID, digest: bytes, party: Party, dials: OFTP2Dials, now: datetime) -> Receipt | None:
    """``None``: nothing comes back. ``digest`` is that of the file as transmitted."""
    returns = dials.returns
    if returns is ReturnDial.SILENT:
        return None
    receipt: Receipt = build_eerp(sfid)
    if returns in _NERPS:
        nerp = build_nerp(sfid, creator=party.name, reason=NERPReason.PROCESSING_FAILED, text=dials.reason)
        receipt = replace(nerp, reas="02") if returns is ReturnDial.NERP_ODD_REASON else nerp
    if returns is ReturnDial.OTHER_FILE:
        receipt = replace(receipt, time="0000000001")
    if not sfid.sign or returns is ReturnDial.UNSIGNED:
        return receipt
    suite = SUITES[sfid.ciph]
    if returns is ReturnDial.WRONG_HASH:
        digest = hashlib.new(suite.digest.value.replace("-", ""), b"another content").digest()
    signer = stranger().signer if returns is ReturnDial.STRANGER else party.signer
    if returns is ReturnDial.DETACHED:
        return _detached(replace(receipt, hsh=digest), suite, signer, now)
    return sign_receipt(receipt, file_digest=digest, suite=suite, signer=signer, embed_certificate=False, at=now)


def _detached(receipt: Receipt, suite: Suite, signer: Signer, now: datetime) -> Receipt:
    content = signed_octets(receipt)
    digest = hashlib.new(suite.digest.value.replace("-", ""), content).digest()
    plan = signing_plan(suite, signer, embed_certificate=False, at=now)
    return replace(receipt, sig=cms.sign_detached(digest, plan))


def stranger() -> Party:
    """Somebody whose certificate no agreement knows."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "nobody")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    certificate = Certificate.parse(made.public_bytes(Encoding.DER))
    return Party.of("O0013NOBODY", "", certificate, key)
