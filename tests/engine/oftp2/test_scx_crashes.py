"""A certificate file outlives what kills the process: between the beats of telling, and between EFPA and the verdict."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from counterseal.adapters.storage import SQLStore
from counterseal.domain.document import Document
from counterseal.domain.exchange import ExchangeState
from counterseal.engine import documents
from counterseal.engine.oftp2.live import LiveSessions
from counterseal.engine.ports import StoreUnavailable
from tests import builders as b
from tests.engine.oftp2.certificate_partner import CertificatePartner, accepts, exchange_of, waits, work
from tests.engine.oftp2.certificate_story import CHANGED, STAGED, event_names, files, ours, start
from tests.engine.oftp2.pair import Gateway, two_gateways
from tests.gateway import a_gateway, clock_of


@pytest.fixture
def alpha(tmp_path: Path) -> Iterator[Gateway]:
    with two_gateways(tmp_path) as (gateway, _):
        yield gateway


def test_killed_before_the_file_is_a_document_it_becomes_one_later(
    alpha: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At most a payload is left over that nobody names."""

    def killed(*_: object, **__: object) -> Document:
        raise StoreUnavailable("the process died")

    request = start(alpha, worked=False)
    with monkeypatch.context() as broken:
        broken.setattr(documents, "queue", killed)
        with pytest.raises(StoreUnavailable):
            work(alpha)
    assert files(alpha) == []
    assert exchange_of(alpha, request.id).state is ExchangeState.QUEUED
    clock_of(alpha.ports).pass_time(timedelta(minutes=2))  # the lease ends
    work(alpha)
    bravo = CertificatePartner()
    bravo.call(alpha)
    assert len(bravo.files) == len(files(alpha)) == 1
    assert exchange_of(alpha, request.id).state is ExchangeState.ACCEPTED


def test_killed_before_rtr_the_same_receipt_comes_again_and_moves_nothing(alpha: Gateway) -> None:
    bravo = CertificatePartner()
    request = start(alpha)
    bravo.call(alpha)
    before = exchange_of(alpha, request.id)
    clock_of(alpha.ports).pass_time(timedelta(hours=1))
    bravo.decide(accepts)
    bravo.call(alpha)
    assert exchange_of(alpha, request.id) == before
    assert event_names(alpha).count("exchange.accepted") == 1


def test_the_verdict_counts_after_a_restart(tmp_path: Path) -> None:
    """SCX-36, from the sender's side: between EFPA and EERP lie nine days and another process."""
    keys = {"alpha": b.mint("Alpha", key=b.rsa_key(0)), "bravo": b.mint("Bravo", key=b.rsa_key(1))}
    database = f"sqlite:///{tmp_path / 'database'}"
    ports = replace(a_gateway(tmp_path / "alpha"), store=SQLStore(database))
    alpha = Gateway(ports, "alpha", "bravo", keys)
    bravo = CertificatePartner(answer=waits)
    request = start(alpha)
    bravo.call(alpha)
    assert (exchange_of(alpha, request.id).state, ours(alpha)) == (ExchangeState.RECEIVED, STAGED)
    ports.store.close()  # type: ignore[attr-defined]
    alpha.ports = replace(ports, store=SQLStore(database), live=LiveSessions())
    clock_of(alpha.ports).pass_time(timedelta(days=9))
    bravo.decide(accepts)
    bravo.call(alpha)
    assert (exchange_of(alpha, request.id).state, ours(alpha)) == (ExchangeState.ACCEPTED, CHANGED)
    alpha.ports.store.close()  # type: ignore[attr-defined]
