"""The table from fault code to exit status is whole, and holds nothing that is not there any more."""

import pytest

from counterseal.engine.ports import CallFailed
from counterseal.kernel.errors import CallerFault, EnvironmentFault, Fault, PeerFault
from counterseal.surfaces.cli.exit_codes import STATUS, Exit, entered, exit_of
from tests.surfaces.faults import every_fault

ELSEWHERE = ("api.", "console.")


def test_every_code_has_an_exit_status() -> None:
    missing = [k.code for k in every_fault() if not k.code.startswith(ELSEWHERE) and entered(k.code) is None]
    assert missing == []


def test_the_table_names_only_codes_that_exist() -> None:
    assert set(STATUS) - {k.code for k in every_fault()} == set()


def test_no_fault_ends_as_success() -> None:
    assert Exit.OK not in {*STATUS.values()}


@pytest.mark.parametrize(
    ("family", "status"),
    [(PeerFault, Exit.UNREADABLE), (CallerFault, Exit.REFUSED), (EnvironmentFault, Exit.UNAVAILABLE)],
)
def test_a_code_that_nobody_entered_gets_its_familys_status(family: type[Fault], status: Exit) -> None:
    class Newcomer(family):  # type: ignore[valid-type,misc]
        code = "newcomer.fault"

    Newcomer.__module__ = "elsewhere"
    assert exit_of(Newcomer("new")) is status


def test_a_partner_that_takes_no_call_has_a_status_of_its_own() -> None:
    assert exit_of(CallFailed("nobody listens there", kind="refused")) is Exit.UNREACHABLE
    assert [code for code, status in STATUS.items() if status is Exit.UNREACHABLE] == [CallFailed.code]
