"""What anybody can cause is recorded, but not without bound: so many notes in a time, and the number of those left out."""

import threading
from collections import Counter
from datetime import datetime, timedelta
from typing import Final

WINDOW: Final = timedelta(minutes=10)
MOST: Final = 50
"""Notes within the window, whoever caused them."""
MOST_OF_ONE: Final = 5
"""Notes within the window about one subject: a single misconfigured partner does not hide the others."""


class SparingNotes:
    """One for a process. The audit trail stays readable, and its size is no stranger's choice."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._began: datetime | None = None
        self._noted: Counter[str] = Counter()
        self._left_out = 0

    def allow(self, subject: str, now: datetime) -> dict[str, str] | None:
        """``None``: leave this note out. Otherwise facts for it: how many were left out before it, if any were."""
        with self._lock:
            if self._began is None or not timedelta() <= now - self._began < WINDOW:
                self._began = now
                self._noted.clear()
            if self._noted.total() >= MOST or self._noted[subject] >= MOST_OF_ONE:
                self._left_out += 1
                return None
            self._noted[subject] += 1
            left_out, self._left_out = self._left_out, 0
        return {"left-out-before": str(left_out)} if left_out else {}
