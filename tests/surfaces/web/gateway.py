"""A gateway to look at: in-memory store, a community with partners in many states, a signed-in browser."""

import asyncio
import re
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette

from counterseal.adapters.storage import SQLStore
from counterseal.adapters.vault import FileVault
from counterseal.domain.people import Role, User
from counterseal.engine.passwords import digest_of, hash_password
from counterseal.engine.ports import Delivery, Entity, Ports, PostAnswer, PostRequest
from counterseal.kernel.ids import UserId
from counterseal.surfaces.web import create_console
from tests import builders
from tests.builders import NOW, an_id
from tests.gateway import MemoryBlobs

PASSWORD = "a sentence is a fine password"
HOSTILE = '<img src=x onerror="alert(1)">&\'"</td></script><script>alert(2)</script>'


class FrozenClock:
    def __init__(self, now: datetime = NOW) -> None:
        self.instant = now

    def now(self) -> datetime:
        return self.instant


class CountingEntropy:
    """Different each time, the same each run."""

    def __init__(self) -> None:
        self._count = count(1)

    def octets(self, wanted: int) -> bytes:
        return next(self._count).to_bytes(max(wanted, 8), "big")[-wanted:]

    def new_id(self) -> str:
        return an_id()


class NobodyAnswers:
    async def post(self, request: PostRequest) -> PostAnswer:
        raise AssertionError("a page must not post to a partner")


class NothingDelivered:
    def deliver(self, delivery: Delivery) -> str:
        raise AssertionError("a page must not deliver")


def make_ports(data_dir: Path, *, clock: FrozenClock | None = None) -> Ports:
    return Ports(
        store=SQLStore.in_memory(),
        blobs=MemoryBlobs(),
        vault=FileVault.open(data_dir),
        poster=NobodyAnswers(),
        backend=NothingDelivered(),
        clock=clock or FrozenClock(),
        entropy=CountingEntropy(),
        wake=lambda: None,
        product="counterseal:test",
        host_name="alpha.example",
    )


def put(ports: Ports, *entities: Entity) -> None:
    with ports.store.write() as writer:
        writer.put(*entities)


def add_user(ports: Ports, role: Role, *, name: str = "") -> User:
    user = User(
        id=UserId(an_id()),
        name=name or role.value,
        full_name=f"{role.value.title()} Person",
        email=f"{role.value}@alpha.example",
        role=role,
        password_hash=HASH,
        created_at=NOW,
    )
    put(ports, user)
    return user


class Client:
    """A browser's requests without a browser: cookies kept, one app, one event loop, no port."""

    def __init__(self, app: Starlette, *, base_url: str = "http://127.0.0.1:8080") -> None:
        self.app = app
        self._runner = asyncio.Runner()
        transport = httpx.ASGITransport(app=app)
        self._client = httpx.AsyncClient(transport=transport, base_url=base_url)

    @property
    def cookies(self) -> httpx.Cookies:
        return self._client.cookies

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self._runner.run(self._client.get(path, **options))

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self._runner.run(self._client.post(path, **options))

    def close(self) -> None:
        self._runner.run(self._client.aclose())
        self._runner.close()


HASH = hash_password(PASSWORD, CountingEntropy())


@dataclass(frozen=True, slots=True)
class Browser:
    """A signed-in browser without script: it follows links and sends forms, tokens included."""

    client: Client

    def get(self, path: str, *, status: int = 200, **params: Any) -> str:
        answer = self.client.get(path, params=params or None)
        assert answer.status_code == status, (path, answer.status_code, first_heading(answer.text))
        return answer.text

    def token(self, path: str) -> str:
        return token_in(self.get(path))

    def post(self, path: str, data: dict[str, Any] | None = None, *, form: str = "", files: Any = None) -> "Any":
        """Sends a form found on the page ``form`` (or on Home); redirects are not followed."""
        token = token_in(self.client.get(form or "/audit").text)
        return self.client.post(path, data={"csrf": token} | (data or {}), files=files)


def a_client(ports: Ports, *, port: int = 8080) -> Client:
    return Client(create_console(ports), base_url=f"http://127.0.0.1:{port}")


def browser(ports: Ports, user: User) -> Browser:
    """Signed in without typing the password: Argon2id is slow on purpose, and test_sign_in.py tries it."""
    secret = f"session of {user.name}"
    put(ports, builders.a_browser_session(digest=digest_of(secret), user_id=user.id))
    client = a_client(ports)
    client.cookies.set("counterseal_session_8080", secret, domain="127.0.0.1")
    return Browser(client)


def token_in(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found, "no form with a token on the page"
    return found.group(1)


def first_heading(page: str) -> str:
    found = re.search(r"<h1>(.*?)</h1>(.*?)</header>", page, re.DOTALL)
    return re.sub(r"<[^>]+>|\s+", " ", found.group(0)) if found else page[:300]
