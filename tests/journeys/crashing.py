"""Gateway processes that can be killed at a chosen beat; what the production code does is unchanged.

Run as ``python -m tests.journeys.crashing``: it loads everything once, then forks one gateway for each line on standard input

    {"data_dir": ..., "public_port": ..., "act": "send" | "finish" | "decide" | "", "crash_at": "before commit sending.record"}

and answers with its process id; ``{"wait": pid}`` answers with how it ended. The beats are effects of the adapters, named by the
engine function that asked for them:

    before/after commit <module>.<function>    a write transaction
    after blob <module>.<function>             a payload is written; the next commit makes it durable
    after claim <work kind>                    the worker owns rows of this kind
    before/after post <work kind>              a request to the partner; after: its answer is here, and recorded nowhere
    before/after deliver                       the backend gets a document

``act`` is the person or program at this gateway: it does its one thing again until that is done, as a caller would that got no
answer.
"""

import contextlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from counterseal import app
from counterseal.adapters.backend import FolderBackend
from counterseal.adapters.blobs import Payloads
from counterseal.adapters.http import DeferredPoster
from counterseal.adapters.storage import SQLStore
from counterseal.domain.offer import OfferedState
from counterseal.domain.people import Actor, Permission
from counterseal.domain.work import Work, WorkKind
from counterseal.engine import documents, offers, trust_requests
from counterseal.engine.ports import Delivery, Ports, PostAnswer, PostRequest, Window
from counterseal.kernel.ids import BlobId, DocumentId
from counterseal.settings import LogFormat, Settings
from tests.journeys.setting import CONTENT, DOCUMENT_ID, NEW_USAGES, the_agreement, the_new_certificate

SOMEBODY = Actor(name="local:crash", permissions=frozenset(Permission))
_ARMED: list[str] = []
"""The beat at which this process ends."""


def reach(beat: str) -> None:
    """Ends the process here, at once and without a word, if this is the beat."""
    if beat in _ARMED:
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(60)  # the signal ends every thread; none goes on meanwhile


def _asked_by() -> str:
    """``module.function`` of the engine function that asked."""
    frame = sys._getframe(1)
    while frame.f_back is not None:
        module = frame.f_globals.get("__name__", "")
        if module.startswith("counterseal.engine.") and not frame.f_code.co_name.startswith("<"):
            return f"{module.rpartition('.')[2]}.{frame.f_code.co_name}"
        frame = frame.f_back
    return "nobody"


class CrashingStore(SQLStore):
    @contextlib.contextmanager
    def write(self) -> Iterator[Any]:
        who = _asked_by()
        with super().write() as writer:
            yield writer
            reach(f"before commit {who}")
        reach(f"after commit {who}")

    def claim(
        self, *, now: datetime, owner: str, lease: timedelta, limit: int, kinds: Collection[WorkKind] | None = None
    ) -> list[Work]:
        rows = super().claim(now=now, owner=owner, lease=lease, limit=limit, kinds=kinds)
        for row in rows:
            reach(f"after claim {row.kind.value}")
        return rows


class _CrashingWriter:
    def __init__(self, writer: Any) -> None:
        self._writer = writer

    def commit(self) -> BlobId:
        blob: BlobId = self._writer.commit()
        reach(f"after blob {_asked_by()}")
        return blob

    def __getattr__(self, name: str) -> Any:
        return getattr(self._writer, name)


class CrashingBlobs(Payloads):
    def create(self, *, max_bytes: int | None) -> Any:
        return _CrashingWriter(super().create(max_bytes=max_bytes))


class CrashingPoster(DeferredPoster):
    async def post(self, request: PostRequest) -> PostAnswer:
        what = "receipt" if any(value.startswith("Receipt") for _, value in request.headers) else "message"
        reach(f"before post {what}")
        answer = await super().post(request)
        reach(f"after post {what}")
        return answer


class CrashingBackend(FolderBackend):
    def deliver(self, delivery: Delivery) -> str:
        reach("before deliver")
        where = super().deliver(delivery)
        reach("after deliver")
        return where


ADAPTERS = {
    "SQLStore": CrashingStore,
    "Payloads": CrashingBlobs,
    "DeferredPoster": CrashingPoster,
    "FolderBackend": CrashingBackend,
}
"""What the composition root names, and what it gets instead."""


# what is done at the gateway


def _send(ports: Ports) -> bool:
    documents.send(
        ports,
        SOMEBODY,
        the_agreement(ports).id,
        content=(CONTENT,),
        file_name="orders.edi",
        content_type="application/edifact",
        subject=None,
        document_id=DocumentId(DOCUMENT_ID),
    )
    return True


def _finish(ports: Ports) -> bool:
    agreement = the_agreement(ports)
    with ports.store.read() as reader:
        if reader.trust_requests(agreement.community_id, window=Window(limit=1)):
            return True
    trust_requests.start(
        ports,
        SOMEBODY,
        trust_requests.Start(
            community_id=agreement.community_id,
            source=the_new_certificate(ports),
            usages=NEW_USAGES,
            cem=(agreement.id,),
            scx=(),
            scx_type=None,
            respond_by=ports.clock.now() + timedelta(days=14),
            time_zone="Europe/Berlin",
            draft_id=None,
        ),
    )
    return True


def _decide(ports: Ports) -> bool:
    agreement = the_agreement(ports)
    with ports.store.read() as reader:
        found = reader.offers(agreement.community_id, window=Window(limit=10))
        pending = [o for o in reader.offered([f.id for f in found]) if o.state is OfferedState.PENDING]
    for one in pending:
        offers.accept(ports, SOMEBODY, one.offer_id, offered_ids=(one.id,))
    return bool(found)


ACTS = {"send": _send, "finish": _finish, "decide": _decide}


def _act(what: str, ports: Ports) -> None:
    while not ACTS[what](ports):
        time.sleep(0.05)


# the processes


def _serve(order: dict[str, Any]) -> None:
    data_dir = Path(order["data_dir"])
    with (data_dir / "log").open("ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    _ARMED.append(order["crash_at"])
    open_ports = app.open_ports

    def opened(settings: Settings) -> Ports:
        ports = open_ports(settings)
        if order["act"]:
            threading.Thread(target=_act, args=(order["act"], ports), daemon=True).start()
        return ports

    app.open_ports = opened
    settings = Settings(
        data_dir=data_dir,
        public_host="127.0.0.1",
        public_port=order["public_port"],
        private_port=0,
        host_name="gateway.example",
        log_format=LogFormat.JSON,
    )
    app.serve(settings, loaded=lambda: None)


def _wait(pid: int, seconds: float) -> int | None:
    """How it ended (minus the signal); ``None``: it still runs."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    return None


def _say(**answer: object) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main() -> None:
    from counterseal.adapters.http import poster  # noqa: F401 loaded once, before the forks
    from counterseal.surfaces import api, web  # noqa: F401

    for name, crashing in ADAPTERS.items():
        if not hasattr(app, name):
            raise LookupError(f"the composition root does not name {name}")
        setattr(app, name, crashing)
    _say(ready=True)
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            _say(ended=_wait(order["wait"], order["seconds"]))
            continue
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                sys.stdin.close()
                _serve(order)
                status = 0
            finally:
                os._exit(status)
        _say(pid=pid)


if __name__ == "__main__":
    main()
