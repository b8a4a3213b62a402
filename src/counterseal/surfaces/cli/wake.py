"""Tells a running server on the same data directory that there is work; a lost call costs a second, never work."""

import socket
from pathlib import Path
from typing import Final

TIMEOUT_SECONDS: Final = 0.2


class WakeClient:
    """The port ``Wake`` over the server's socket file. No server, no socket, a full queue: nothing happens."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)

    def __call__(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
            client.settimeout(TIMEOUT_SECONDS)
            try:
                client.sendto(b"wake", self._path)
            except OSError:
                return
