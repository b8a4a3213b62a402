"""The line between the two OFTP2 listeners: a TCP relay on loopback that counts and keeps what passes, and can break in the middle."""

import contextlib
import socket
import threading
from dataclasses import dataclass, field
from typing import Final

_AT_ONCE: Final = 16384
TIMEOUT_SECONDS: Final = 60.0


@dataclass(slots=True)
class Call:
    """One connection. ``there`` and ``back`` are the octets that passed, as an eavesdropper has them."""

    there: bytearray = field(default_factory=bytearray)
    back: bytearray = field(default_factory=bytearray)
    cut: bool = False
    """Whether this line broke it off."""

    def shows(self, plain: bytes) -> bool:
        """Whether ``plain`` can be read in either direction."""
        return plain in self.there or plain in self.back

    @property
    def tls(self) -> bool:
        """Whether the first octets each way are TLS handshake records (RFC 8446 5.1), not the responder's SSRM."""
        return self.there[:2] == b"\x16\x03" and self.back[:2] == b"\x16\x03"


class Line:
    """Towards one listener. It changes no octet."""

    def __init__(self, target_port: int) -> None:
        self.calls: list[Call] = []
        self._target = target_port
        self._cut_after: int | None = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._take, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def break_once_after(self, octets: int) -> None:
        """The next call ends for both sides when this many octets have passed towards the listener."""
        self._cut_after = octets

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._listener.close()
        self._thread.join(5)

    def _take(self) -> None:
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return
            most, self._cut_after = self._cut_after, None
            threading.Thread(target=self._relay, args=(caller, most), daemon=True).start()

    def _relay(self, caller: socket.socket, most: int | None) -> None:
        call = Call()
        self.calls.append(call)
        with caller:
            try:
                listener = socket.create_connection(("127.0.0.1", self._target), timeout=TIMEOUT_SECONDS)
            except OSError:
                return
            with listener:
                caller.settimeout(TIMEOUT_SECONDS)
                homewards = threading.Thread(target=_pass, args=(listener, caller, call.back, None), daemon=True)
                homewards.start()
                call.cut = _pass(caller, listener, call.there, most)
                homewards.join(TIMEOUT_SECONDS)


def _pass(source: socket.socket, sink: socket.socket, kept: bytearray, most: int | None) -> bool:
    """Until the source ends, or ``most`` octets have passed: then both are cut, which is told by ``True``."""
    with contextlib.suppress(OSError):
        while octets := source.recv(_AT_ONCE if most is None else min(_AT_ONCE, most - len(kept))):
            sink.sendall(octets)
            kept += octets
            if len(kept) == most:
                for end in (source, sink):
                    end.shutdown(socket.SHUT_RDWR)
                return True
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
    return False
