"""What the worker began is over when it is: the store may be closed then."""

import asyncio
import threading
import time

import pytest

from counterseal.engine import worker
from counterseal.engine.ports import Ports
from counterseal.kernel.errors import EnvironmentFault
from tests.engine.world import World


@pytest.mark.parametrize("breaks", [False, True])
async def test_a_sweep_that_runs_when_it_stops_is_waited_for(
    world: World, monkeypatch: pytest.MonkeyPatch, breaks: bool
) -> None:
    begun, over = threading.Event(), threading.Event()

    def slow(_: Ports) -> None:
        begun.set()
        time.sleep(0.2)
        over.set()
        if breaks:
            raise EnvironmentFault("the disk is gone")

    monkeypatch.setattr(worker, "sweep", slow)
    made = worker.Worker(world.alpha.ports, node="n", log=lambda event, **fields: None)
    running = asyncio.create_task(made.run())
    await asyncio.to_thread(begun.wait, 5)
    made.stop()
    await asyncio.wait_for(running, 5)
    assert over.is_set()
