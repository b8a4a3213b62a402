from collections.abc import Iterator
from pathlib import Path

import pytest

from counterseal.domain.people import Role
from counterseal.engine.ports import Ports
from tests.surfaces.web.gateway import Browser, Client, a_client, add_user, browser, make_ports


@pytest.fixture
def ports(tmp_path: Path) -> Ports:
    return make_ports(tmp_path)


@pytest.fixture
def client(ports: Ports) -> Iterator[Client]:
    """A browser that is not signed in."""
    made = a_client(ports)
    yield made
    made.close()


@pytest.fixture
def admin(ports: Ports) -> Iterator[Browser]:
    made = browser(ports, add_user(ports, Role.ADMINISTRATOR))
    yield made
    made.client.close()
