"""One nursery of gateway processes for every module of journeys."""

from collections.abc import Iterator

import pytest

from tests.journeys.nursery import Nursery


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    opened = Nursery()
    yield opened
    opened.close()
