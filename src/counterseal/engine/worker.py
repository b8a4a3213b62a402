"""Performs outbox rows: claims what is due, lets several go at once, gives back what failed for a passing reason.

Every effect on the world goes through here. A row that is claimed and whose process dies is claimed again after its lease;
``ports.store.release`` gives a restarted node its own rows back at once.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Final, Protocol

from counterseal.domain.channel import Channel
from counterseal.domain.work import Work, WorkKind
from counterseal.engine import handing_over, leftovers, offers, retirement, trust_requests
from counterseal.engine.as2 import answering, sending
from counterseal.engine.oftp2 import calling, certificate_files, securing
from counterseal.engine.ports import LeaseLost, Ports
from counterseal.kernel.errors import EnvironmentFault, Fault
from counterseal.kernel.ids import OfferId

LEASE: Final = timedelta(minutes=2)
PARALLEL: Final = 24
"""Rows under way at once: each holds a connection and at times a thread."""
LOOK_EVERY: Final = timedelta(seconds=1)
"""A lost wake costs at most this."""
GAP: Final = timedelta(milliseconds=20)
"""Between two claims: what ends or is enqueued meanwhile shares one, because a claim is a transaction."""
SEAL_EVERY: Final = timedelta(milliseconds=500)
SWEEP_EVERY: Final = timedelta(minutes=10)
BACKOFF: Final = tuple(timedelta(seconds=s) for s in (1, 2, 5, 15, 30, 60, 120, 300))
"""After a fault of our own environment (disk, database, backend): soon at first, then every five minutes until it is mended."""

Performer = Callable[[Ports, Work], Awaitable[None]]


class Log(Protocol):
    """Where failures are told; a constant event name, everything else as fields."""

    def __call__(self, event: str, **fields: str) -> None: ...


def _threaded(function: Callable[[Ports, Work], None]) -> Performer:
    async def perform(ports: Ports, row: Work) -> None:
        await asyncio.to_thread(function, ports, row)

    return perform


def _answer_offer(ports: Ports, row: Work) -> None:
    """Over CEM the answer is a message of its own, over SCX the receipt of the file."""
    with ports.store.read() as reader:
        channel = reader.offer(OfferId(row.subject)).channel
    (certificate_files.answer if channel is Channel.SCX else offers.answer)(ports, row)


PERFORMERS: Final[Mapping[WorkKind, Performer]] = {
    WorkKind.SEND_DOCUMENT: sending.perform,
    WorkKind.SEND_RECEIPT: answering.post,
    WorkKind.RECEIPT_TIMEOUT: _threaded(sending.receipt_overdue),
    WorkKind.HAND_OVER: _threaded(handing_over.hand_over),
    WorkKind.SEND_TRUST_REQUEST: _threaded(trust_requests.tell),
    WorkKind.ANSWER_OFFER: _threaded(_answer_offer),
    WorkKind.RESPOND_BY: _threaded(trust_requests.at_date),
    WorkKind.DECIDE_LATER: _threaded(offers.decide_later),
    WorkKind.SECURE_FILE: _threaded(securing.secure),
    WorkKind.CALL_PARTNER: calling.perform,
    WorkKind.RETIRE: _threaded(retirement.perform),
    WorkKind.SWEEP: _threaded(leftovers.perform),
}


class Worker:
    """One per process. ``run`` until ``stop``; what is in flight is finished then."""

    def __init__(self, ports: Ports, *, node: str, log: Log) -> None:
        self._ports = ports
        self._node = node
        self._log = log
        self._woken = asyncio.Event()
        self._stopping = False
        self._claims = 0
        self._under_way: set[asyncio.Task[None]] = set()
        self._in_threads: set[asyncio.Task[object]] = set()

    def wake(self) -> None:
        """Something was enqueued. Only from the worker's own event loop."""
        self._woken.set()

    def stop(self) -> None:
        self._stopping = True
        self._woken.set()

    async def run(self) -> None:
        await asyncio.to_thread(self._ports.store.release, self._node)
        aside = [
            asyncio.create_task(self._now_and_then(SWEEP_EVERY, lambda: sweep(self._ports))),
            asyncio.create_task(self._now_and_then(SEAL_EVERY, self._ports.store.seal)),
        ]
        try:
            while not self._stopping:
                self._woken.clear()
                if not await self._claim():
                    await self._wait()
                    await asyncio.sleep(GAP.total_seconds())
            if self._under_way:
                await asyncio.wait(self._under_way)
            await asyncio.to_thread(self._ports.store.seal)
        finally:
            for task in aside:
                task.cancel()
            if self._in_threads:
                # A thread cannot be cancelled: it would go on in a store that is closed by then.
                await asyncio.wait(self._in_threads)

    async def _wait(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), LOOK_EVERY.total_seconds())

    async def _claim(self) -> bool:
        """Starts what is due; whether there may be more right now."""
        room = PARALLEL - len(self._under_way)
        if room <= 0:
            await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
            return True
        self._claims += 1
        owner = f"{self._node}:{self._claims}"
        try:
            rows = await asyncio.to_thread(
                self._ports.store.claim, now=self._ports.clock.now(), owner=owner, lease=LEASE, limit=room
            )
        except EnvironmentFault as fault:
            self._log("worker.store-unavailable", detail=fault.detail)
            return False
        for row in rows:
            task = asyncio.create_task(self._perform(row))
            self._under_way.add(task)
            task.add_done_callback(self._finished)
        return len(rows) == room

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self._under_way.discard(task)
        self._woken.set()

    async def _perform(self, row: Work) -> None:
        keeping = asyncio.create_task(self._keep_lease(row))
        try:
            await PERFORMERS[row.kind](self._ports, row)
        except LeaseLost:
            self._log("worker.lease-lost", kind=row.kind.value, subject=row.subject)
        except Fault as fault:
            await self._give_back(row, fault.code, fault.detail)
        except Exception as error:  # noqa: BLE001 one broken row must not stop the others
            await self._give_back(row, "worker.defect", f"{type(error).__name__}: {error}")
        finally:
            keeping.cancel()

    async def _keep_lease(self, row: Work) -> None:
        """A large transfer takes longer than a lease."""
        while True:
            await asyncio.sleep(LEASE.total_seconds() / 3)
            try:
                await asyncio.to_thread(self._ports.store.extend, row, until=self._ports.clock.now() + LEASE)
            except (LeaseLost, EnvironmentFault):
                return

    async def _give_back(self, row: Work, code: str, detail: str) -> None:
        self._log("worker.row-failed", kind=row.kind.value, subject=row.subject, code=code, detail=detail[:500])
        due = self._ports.clock.now() + BACKOFF[min(row.tries, len(BACKOFF) - 1)]

        def give_back() -> None:
            with self._ports.store.write() as writer:
                writer.reschedule(row, due=due, tries=row.tries + 1)

        try:
            await asyncio.to_thread(give_back)
        except EnvironmentFault as fault:
            self._log("worker.give-back-failed", kind=row.kind.value, subject=row.subject, detail=fault.detail)

    async def _now_and_then(self, every: timedelta, function: Callable[[], object]) -> None:
        while True:
            running = asyncio.create_task(asyncio.to_thread(function))
            self._in_threads.add(running)
            running.add_done_callback(self._in_threads.discard)
            try:
                await asyncio.shield(running)
            except EnvironmentFault as fault:
                self._log("worker.aside-failed", detail=fault.detail)
            await asyncio.sleep(every.total_seconds())


def sweep(ports: Ports) -> None:
    """Wipes drafts that ran out (product.md section 2) and unfinished payload writes of a process that died; a community that is
    new gets its row for retirement."""
    now = ports.clock.now()
    retirement.seed(ports)
    leftovers.seed(ports)
    with ports.store.write() as writer:
        expired = writer.expired_drafts(now)
        writer.remove(*expired)
    ports.blobs.sweep(older_than=now - timedelta(days=1))
