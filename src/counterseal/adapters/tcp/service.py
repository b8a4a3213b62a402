"""The OFTP2 part of one gateway process: its listeners, and what looks after calls."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from counterseal.adapters.tcp.dialer import TCPDialer
from counterseal.adapters.tcp.listener import Log, OFTPListener
from counterseal.engine import listeners
from counterseal.engine.oftp2 import calling, planning
from counterseal.engine.oftp2.conversation import Conversation
from counterseal.engine.ports import Ports
from counterseal.kernel.errors import EnvironmentFault

SESSION_THREADS: Final = 64
"""Steps of sessions under way at once; each may wait for the disk."""
LOOK_AT_POLLS_SECONDS: Final = 15.0
LOOKS_A_SWEEP: Final = 240


class OFTP2Service:
    """Belongs to one process. ``dialer`` may be used as soon as an event loop runs."""

    def __init__(self, *, log: Log) -> None:
        self._threads = ThreadPoolExecutor(SESSION_THREADS, thread_name_prefix="oftp2")
        self.dialer = TCPDialer(self._threads)
        self._log = log
        self._listeners: list[OFTPListener] = []
        self._looks = 0

    def listen(self, ports: Ports, bound: socket.socket, *, tls: bool) -> None:
        """Takes calls on a bound socket once ``run`` runs."""
        self._listeners.append(
            OFTPListener(
                bound,
                answer=lambda: Conversation.answering(ports),
                threads=self._threads,
                security=(lambda: listeners.security(ports, listeners.OFTP2_LISTENER)) if tls else None,
                log=self._log,
            )
        )

    async def run(self, ports: Ports) -> None:
        """Until cancelled; sessions under way go on, ``stop`` ends them."""
        try:
            await asyncio.to_thread(calling.close_cut_off, ports)
        except EnvironmentFault as fault:
            self._log("oftp2.sessions-not-closed", detail=fault.detail)
        serving = [asyncio.create_task(listener.serve()) for listener in self._listeners]
        try:
            while True:
                await self._plan(ports)
                await asyncio.sleep(LOOK_AT_POLLS_SECONDS)
        finally:
            for task in serving:
                task.cancel()

    async def _plan(self, ports: Ports) -> None:
        try:
            await asyncio.to_thread(planning.plan_polls, ports)
            if self._looks % LOOKS_A_SWEEP == 0:
                await asyncio.to_thread(planning.sweep_positions, ports)
            self._looks += 1
        except EnvironmentFault as fault:
            self._log("oftp2.polls-not-planned", detail=fault.detail)

    async def stop(self, *, grace_seconds: float) -> None:
        """Sessions that partners opened have so long to end; then they are cut, and go on in later ones."""
        await asyncio.gather(*(listener.stop(grace_seconds=grace_seconds) for listener in self._listeners))
