"""Which of our certificates answer a partner's SCX Request: up to four, each once (oftp2-scx.md 6.2, product.md section 2).

signing        file-sign      the agreement's active one, else the community's default
encryption     file-encrypt   likewise
client         tls-client     likewise
TLS server     tls-server     what the first enabled TLS OFTP2 listener presents
where the agreement says so, receipt-sign and session-auth too
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from counterseal.domain.agreement import Agreement
from counterseal.domain.assignment import Assignment
from counterseal.domain.resolve import Held, current
from counterseal.domain.usage import Side, Usage
from counterseal.kernel.ids import Fingerprint

USUAL: Final = (Usage.FILE_SIGN, Usage.FILE_ENCRYPT, Usage.TLS_CLIENT)
ALL: Final = (*USUAL, Usage.RECEIPT_SIGN, Usage.SESSION_AUTH)
STORM: Final = 6
"""So many Requests of one agreement are answered within ``STORM_WITHIN``: each brings up to six files (oftp2-scx.md 6.8)."""
STORM_WITHIN: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One certificate and what it is delivered for."""

    fingerprint: Fingerprint
    usages: frozenset[Usage]


def decide_deliveries(
    agreement: Agreement,
    assignments: Sequence[Assignment],
    defaults: Mapping[Usage, Fingerprint],
    *,
    listener: Fingerprint | None,
    held: Held,
    now: datetime,
) -> tuple[Delivery, ...]:
    """In the order of the table above. One that is not held, has no key here, or is not valid now is left out."""
    wanted = ALL if agreement.oftp2.answer_all_usages else USUAL
    chosen = [(usage, current(assignments, Side.OURS, usage) or defaults.get(usage)) for usage in wanted]
    chosen.append((Usage.TLS_SERVER, listener))
    usages: dict[Fingerprint, set[Usage]] = {}
    for usage, fingerprint in chosen:
        if fingerprint is not None and _usable(held, fingerprint, now):
            usages.setdefault(fingerprint, set()).add(usage)
    return tuple(Delivery(fingerprint=f, usages=frozenset(u)) for f, u in usages.items())


def _usable(held: Held, fingerprint: Fingerprint, now: datetime) -> bool:
    known = held.get(fingerprint)
    if known is None or known.side is not Side.OURS or known.key_id is None:
        return False
    return known.certificate.not_before <= now <= known.certificate.not_after
