"""The certification authorities that a community trusts, as flat records."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from counterseal.domain.community import Community
from counterseal.domain.trusted_root import TrustedRoot
from counterseal.engine.ports import NotFound, Reader


@dataclass(frozen=True, slots=True, kw_only=True)
class RootRecord:
    id: str
    fingerprint: str
    subject: str
    issuer: str
    not_after: datetime
    role: str
    """``root``: chains may end here; ``issuer``: on the list of issuers for SCX."""
    partner: str
    """Slug; empty: for all partners of the community."""
    added_by: str
    added_at: datetime
    revocations_at: datetime | None
    """Of when its revocation list is; null: there is none."""


def roots(reader: Reader, of: Community) -> list[RootRecord]:
    """In the order in which they were added."""
    return records(reader, of, reader.trusted_roots(of.id))


def records(reader: Reader, of: Community, found: Iterable[TrustedRoot]) -> list[RootRecord]:
    """Those that were found already."""
    slugs = {p.id: p.slug for p in reader.partners(of.id)}
    return [
        RootRecord(
            id=root.id,
            fingerprint=root.fingerprint,
            subject=root.certificate.subject,
            issuer=root.certificate.issuer,
            not_after=root.certificate.not_after,
            role=root.role.value,
            partner=slugs.get(root.partner_id, "") if root.partner_id else "",
            added_by=root.added_by,
            added_at=root.added_at,
            revocations_at=root.revocation_list.issued_at if root.revocation_list is not None else None,
        )
        for root in found
    ]


def root_named(reader: Reader, of: Community, name: str) -> TrustedRoot:
    """By id, or by fingerprint (its first 8 digits or more). Raises ``NotFound``."""
    there = reader.trusted_roots(of.id)
    short = name.replace(":", "").lower()
    found = [t for t in there if t.id == name]
    if not found and len(short) >= 8:
        found = [t for t in there if t.fingerprint.startswith(short)]
    if len(found) > 1:
        raise NotFound(f"{name[:80]!r} names {len(found)} trusted CAs: use an id")
    if not found:
        raise NotFound(f"{of.name} trusts no CA {name[:80]!r}")
    return found[0]
