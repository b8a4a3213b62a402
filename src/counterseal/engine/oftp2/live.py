"""The sessions under way in this process: what one of them holds, no other one touches."""

import threading
from collections import Counter

from counterseal.kernel.ids import AgreementId, DocumentId


class LiveSessions:
    """Safe to use from several threads. Only a hint for planning; what must not be lost stands in the store."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._documents: set[DocumentId] = set()
        self._files: set[tuple[AgreementId, str]] = set()
        self._pairs: Counter[tuple[str, str]] = Counter()

    def hold_document(self, document_id: DocumentId) -> bool:
        """True when nobody else sends it now; then it is held until ``release_document``."""
        with self._lock:
            free = document_id not in self._documents
            self._documents.add(document_id)
            return free

    def release_document(self, document_id: DocumentId) -> None:
        with self._lock:
            self._documents.discard(document_id)

    def hold_file(self, agreement_id: AgreementId, wire_id: str) -> bool:
        """The same for a file that is being received."""
        with self._lock:
            free = (agreement_id, wire_id) not in self._files
            self._files.add((agreement_id, wire_id))
            return free

    def release_file(self, agreement_id: AgreementId, wire_id: str) -> None:
        with self._lock:
            self._files.discard((agreement_id, wire_id))

    def began(self, our_code: str, partner_code: str) -> None:
        with self._lock:
            self._pairs[our_code, partner_code] += 1

    def ended(self, our_code: str, partner_code: str) -> None:
        with self._lock:
            self._pairs[our_code, partner_code] -= 1

    def count(self, our_code: str, partner_code: str) -> int:
        """Sessions between these two nodes, whoever called."""
        with self._lock:
            return self._pairs[our_code, partner_code]
