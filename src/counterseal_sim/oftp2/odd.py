"""Changes one command's octets on their way out, as some products write them."""

from collections.abc import Callable, Mapping
from typing import Final

from counterseal.protocols.oftp2.codec import Reassembler, frame
from counterseal_sim.oftp2.dials import OddField

_CHANGES: Final[Mapping[OddField, tuple[bytes, Callable[[bytes], bytes]]]] = {
    OddField.READY_WITHOUT_CR: (b"I", lambda buffer: buffer[:-1]),
    OddField.SSID_WITHOUT_CR: (b"X", lambda buffer: buffer[:-1]),
    OddField.SHORT_CREDIT: (b"C", lambda buffer: buffer[:1]),
    OddField.BLANK_POSITION: (b"2", lambda buffer: buffer[:1] + b" " * (len(buffer) - 1)),
    OddField.BLANK_FLAG: (b"4", lambda buffer: buffer.replace(b"N", b" ")),
}
HEADER: Final = b"\x10\x00\x00\x04"
"""A stream transmission header that announces itself alone (oftp2-scx.md C 28)."""


class Commands:
    """Takes what a session wants to write, and gives it command by command."""

    def __init__(self) -> None:
        self._whole = Reassembler()

    def of(self, octets: bytes, odd: frozenset[OddField]) -> list[bytes]:
        """Framed; those that a dial touches are changed."""
        return [frame(_changed(bytes(buffer), odd)) for buffer in self._whole.feed(octets)]


def _changed(buffer: bytes, odd: frozenset[OddField]) -> bytes:
    for field in odd:
        code, change = _CHANGES.get(field, (b"", bytes))
        if code and buffer[:1] == code:
            buffer = change(buffer)
    return buffer
