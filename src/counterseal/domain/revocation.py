"""What the revocation lists that are here say of a certificate (SCX-13, oftp2-scx.md section 8)."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from counterseal.domain.policies.model import Revocation
from counterseal.domain.trusted_root import TrustedRoot
from counterseal.kernel.ids import PartnerId
from counterseal.kernel.x509 import Certificate

MAX_AGE: Final = timedelta(days=15)
"""OP08 2.6: an older list says nothing any more, and what it vouches for is not used until there is a newer one."""


def decide_revocation(
    certificate: Certificate, trusted: Iterable[TrustedRoot], partner_id: PartnerId, now: datetime
) -> Revocation | None:
    """By the newest list of the CA that issued it; ``None``: there is no list of that CA, so nothing is checked. What a list names
    stays revoked, however old the list is."""
    lists = [
        root.revocation_list
        for root in trusted
        if root.revocation_list is not None
        and root.partner_id in {None, partner_id}
        and certificate.issued_by(root.certificate)
    ]
    if not lists:
        return None
    newest = max(lists, key=lambda one: one.issued_at)
    if certificate.serial in newest.serials:
        return Revocation.REVOKED
    return Revocation.GOOD if now - newest.issued_at <= MAX_AGE else Revocation.STALE
