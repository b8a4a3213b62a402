"""What stands between or opposite two gateways in OFTP2 journeys: a line that can be cut, and a peer that says what a test writes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, TypeVar

from counterseal.protocols.oftp2.codec import Reassembler, build_command, frame, parse_command
from counterseal.protocols.oftp2.commands import CD, EFID, ESID, SFID, SFPA, SSID, SSRM, Command
from counterseal.protocols.oftp2.stream import BufferWriter
from tests.journeys.oftp2_firms import CODES, PASSWORDS
from tests.protocols.oftp2.pair import an_offer, an_sfid

Wanted = TypeVar("Wanted")


class Line:
    """A TCP relay to ``port``. ``cuts`` are how many octets pass towards it in each connection before both ends are cut; when
    they are used up, everything passes."""

    def __init__(self, port: int) -> None:
        self.target = port
        self.cuts: list[int] = []
        self.connections = 0
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        left = self.cuts.pop(0) if self.cuts else None
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.close()
            return
        towards = asyncio.create_task(self._pipe(reader, back, left))
        homewards = asyncio.create_task(self._pipe(there, writer, None))
        await asyncio.wait({towards, homewards}, return_when=asyncio.FIRST_COMPLETED)
        if left is None:
            await asyncio.wait({towards, homewards}, timeout=1)
        for task in (towards, homewards):
            task.cancel()
        for end in (writer, back):
            end.transport.abort() if left is not None else end.close()

    @staticmethod
    async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, left: int | None) -> None:
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            while octets := await reader.read(16384 if left is None else min(16384, left)):
                writer.write(octets)
                await writer.drain()
                if left is not None:
                    left -= len(octets)
                    if not left:
                        return


@contextlib.asynccontextmanager
async def a_line() -> AsyncIterator[Line]:
    """Its ``target`` is set when it is known."""
    line = Line(0)
    line._server = await asyncio.start_server(line._relay, "127.0.0.1", 0)
    try:
        yield line
    finally:
        line._server.close()


class WirePeer:
    """A party that speaks commands over plain TCP and keeps no rules of its own."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._reassembler = Reassembler()
        self._heard: list[bytes] = []

    def says(self, *commands: Command | bytes) -> None:
        for command in commands:
            self._writer.write(frame(command if isinstance(command, bytes) else build_command(command)))

    def writes(self, octets: bytes) -> None:
        self._writer.write(octets)

    async def hears(self, kind: type[Wanted]) -> Wanted:
        """The next command; anything else than ``kind`` fails."""
        async with asyncio.timeout(15):
            while not self._heard:
                octets = await self._reader.read(65536)
                assert octets, f"closed instead of {kind.__name__}"
                self._heard += self._reassembler.feed(octets)
        command = parse_command(self._heard.pop(0))[0]
        assert isinstance(command, kind), command
        return command

    async def closed(self) -> None:
        async with asyncio.timeout(15):
            while await self._reader.read(65536):
                pass

    async def begins(self, **ssid: Any) -> SSID:
        """SSRM, SSID, SSID: from here on it is the speaker."""
        await self.hears(SSRM)
        self.says(self.ssid(**ssid))
        return await self.hears(SSID)

    @staticmethod
    def ssid(**changes: Any) -> SSID:
        given = {"code": CODES["alpha"], "password": PASSWORDS["alpha"], **changes}
        return an_offer(**given, credit=99).ssid()

    @staticmethod
    def sfid(**changes: Any) -> SFID:
        return an_sfid(**{"dest": CODES["bravo"], "orig": CODES["alpha"], **changes})

    async def sends(self, content: bytes, sfid: SFID) -> Any:
        """One unstructured file of at most a window; what answers its EFID."""
        self.says(sfid)
        answer = await self.hears(SFPA)
        buffers = BufferWriter(buffer_octets=2048, single_record=True, compress=False)
        for stb in (*buffers.write(content[answer.acnt * 1024 :]), *buffers.finish()):
            self.writes(stb)
        self.says(EFID(rcnt=0, ucnt=len(content)))
        return await self.hears(object)

    async def ends(self) -> None:
        """The turn goes over; whoever has nothing to say ends."""
        self.says(CD())
        await self.hears(ESID)
        await self.leaves()

    async def leaves(self) -> None:
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()


@contextlib.asynccontextmanager
async def a_wire_peer(port: int) -> AsyncIterator[WirePeer]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    peer = WirePeer(reader, writer)
    try:
        yield peer
    finally:
        await peer.leaves()
