"""The implementations over which each port's suite runs."""

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import sqlalchemy as sa

from counterseal.adapters.storage import SQLStore

POSTGRES = os.environ.get("COUNTERSEAL_TEST_POSTGRES", "")
_needs_postgres = [
    pytest.mark.postgres,
    pytest.mark.skipif(not POSTGRES, reason="COUNTERSEAL_TEST_POSTGRES is not set (scripts/with-postgres sets it)"),
]
SHARED = [pytest.param("file", id="sqlite-file"), pytest.param("postgres", id="postgres", marks=_needs_postgres)]
ALL = [pytest.param("memory", id="sqlite-memory"), *SHARED]


def postgres_schema(name: str) -> Iterator[str]:
    """The address of a fresh schema in the test database, dropped afterwards."""
    engine = sa.create_engine(POSTGRES.replace("postgresql:", "postgresql+psycopg:", 1))
    with engine.begin() as connection:
        connection.execute(sa.text(f'CREATE SCHEMA "{name}"'))
    joined = "&" if "?" in POSTGRES else "?"
    yield f"{POSTGRES}{joined}options={quote(f'-csearch_path={name}')}"
    with engine.begin() as connection:
        connection.execute(sa.text(f'DROP SCHEMA "{name}" CASCADE'))
    engine.dispose()


def _urls(kind: str, folder: Path) -> Iterator[str]:
    if kind == "postgres":
        yield from postgres_schema(f"t{uuid.uuid4().hex}")
    else:
        yield "sqlite://" if kind == "memory" else f"sqlite:///{folder / 'store.db'}"


@pytest.fixture(params=SHARED)
def shared_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database that several processes can open."""
    yield from _urls(request.param, tmp_path)


@pytest.fixture(params=ALL)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    yield from _urls(request.param, tmp_path)


@pytest.fixture
def store(url: str) -> Iterator[SQLStore]:
    opened = SQLStore(url)
    yield opened
    opened.close()


@pytest.fixture
def open_store(shared_url: str) -> Iterator[Callable[[], SQLStore]]:
    """Opens the same database again and again, as several processes would."""
    opened: list[SQLStore] = []

    def open_again() -> SQLStore:
        opened.append(SQLStore(shared_url))
        return opened[-1]

    yield open_again
    for one in opened:
        one.close()
