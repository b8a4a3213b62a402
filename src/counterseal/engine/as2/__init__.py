"""Use cases that speak AS2: messages out, messages in, and their receipts. Beside ``translate`` and ``oftp2`` the only part of the
engine that names a protocol core."""
