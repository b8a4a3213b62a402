"""Identifiers, one type each, so that one kind cannot be passed for another. All are opaque text made by ``Entropy``."""

from typing import NewType

CommunityId = NewType("CommunityId", str)
StationId = NewType("StationId", str)
PartnerId = NewType("PartnerId", str)
AgreementId = NewType("AgreementId", str)
ListenerId = NewType("ListenerId", str)
KeyId = NewType("KeyId", str)
AssignmentId = NewType("AssignmentId", str)
TrustRequestId = NewType("TrustRequestId", str)
ExchangeId = NewType("ExchangeId", str)
OfferId = NewType("OfferId", str)
OfferedCertificateId = NewType("OfferedCertificateId", str)
DocumentId = NewType("DocumentId", str)
MessageRowId = NewType("MessageRowId", str)
BlobId = NewType("BlobId", str)
DraftId = NewType("DraftId", str)
UserId = NewType("UserId", str)
TokenId = NewType("TokenId", str)
OutboxId = NewType("OutboxId", str)
SessionId = NewType("SessionId", str)
TrustedRootId = NewType("TrustedRootId", str)

Fingerprint = NewType("Fingerprint", str)
"""SHA-256 over the certificate's DER, 64 lower-case hexadecimal digits: the identity of a certificate."""
