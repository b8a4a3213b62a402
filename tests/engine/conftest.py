"""Gateways for the engine's tests: SQLite in memory, and PostgreSQL where a server is given."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from counterseal.adapters.storage import SQLStore
from tests.contract.conftest import POSTGRES, postgres_schema
from tests.engine.world import Pair, World

KINDS = ["memory", *(["postgres"] if POSTGRES else [])]
"""PostgreSQL's absence is named once, by the contract suite; here every test runs on what there is."""
OpenStore = Callable[[], SQLStore]


@pytest.fixture(params=KINDS)
def open_store(request: pytest.FixtureRequest) -> Iterator[OpenStore]:
    """Makes an empty store of the kind under test; closed at the end."""
    with ExitStack() as stack:

        def opened() -> SQLStore:
            url = "sqlite://"
            if request.param == "postgres":
                url = stack.enter_context(contextmanager(postgres_schema)(f"e{uuid.uuid4().hex}"))
            store = SQLStore(url)
            stack.callback(store.close)
            return store

        yield opened


@pytest.fixture
def world(open_store: OpenStore) -> World:
    """Alpha's gateway, and Bravo as a simulated partner that answers by its dials."""
    return World.open(open_store())


@pytest.fixture
def pair(open_store: OpenStore) -> Pair:
    """Two gateways that know each other."""
    return Pair.open(open_store)
