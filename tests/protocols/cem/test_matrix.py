"""The error matrix of cem.md section 6: 34 rows, each with one channel and one decider, the core's shown here."""

import inspect

import pytest

from counterseal.kernel.mime import Headers
from counterseal.protocols.cem import errors
from counterseal.protocols.cem.leniency import Leniency
from counterseal.protocols.cem.limits import USUAL_LIMITS
from counterseal.protocols.cem.matrix import PROBLEM_REASONS, ROWS, Channel, Decider, OfferProblem, Row
from counterseal.protocols.cem.model import Response
from counterseal.protocols.cem.package import open_package
from tests.protocols.cem import test_package, test_xml

FAULTS = {
    fault.code: fault
    for _, fault in inspect.getmembers(errors, inspect.isclass)
    if issubclass(fault, errors.CEMFault) and fault is not errors.CEMFault
}

CHANNELS = {
    "M": {1, 3, 4, 5, 6, 7, 30},
    "R": {2, 8, 9, 11, 14, 15, 16, 17, 18, 19, 20, 21, 34},
    "S": {10, 12, 13, 22, 23, 24, 25, 26, 27, 28, 29, 31, 32, 33},
}
"""Read off section 6; row 2 is M only by policy, row 8 M only when nothing is usable."""


def test_there_are_34_rows_in_order() -> None:
    assert [row.number for row in ROWS] == list(range(1, 35))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.number}")
def test_row_goes_the_way_that_section_6_gives_it(row: Row) -> None:
    assert row.number in CHANNELS[row.channel]


def test_every_fault_of_the_core_stands_in_the_matrix() -> None:
    named = {code for row in ROWS for code in row.codes}
    assert set(FAULTS) <= named
    assert {str(problem) for problem in OfferProblem} <= named


def test_codes_are_faults_problems_or_leniencies() -> None:
    known = set(FAULTS) | {str(value) for value in (*OfferProblem, *Leniency)} | {"answers-twice"}
    assert {code for row in ROWS for code in row.codes} <= known


def test_only_rows_of_the_core_and_one_of_the_engine_carry_codes() -> None:
    """Row 7 is raised by the engine, which knows the sender; its fault is ours so that all CEM faults stand together."""
    assert {row.number for row in ROWS if row.codes} - {row.number for row in ROWS if row.decider is Decider.CORE} == {
        7
    }


def test_every_problem_has_a_reason_for_the_partner() -> None:
    assert set(PROBLEM_REASONS) == set(OfferProblem)
    assert all(len(reason) < 200 for reason in PROBLEM_REASONS.values())


# Which table of which test shows a code of the core: the tables are read, so that a code without a case fails here.
_SHOWN = (
    {fault.code for _, fault in test_package.REFUSED.values()}
    | {fault.code for _, fault in test_xml.HOSTILE.values() if fault.code.startswith("cem.")}
    | {str(problem) for _, problem, _ in test_package.PROBLEMS.values()}
    | {
        str(leniency)
        for table in (test_package.ACCEPTED, test_package.SHORTER)
        for _, found in table.values()
        for leniency in found
    }
    | {errors.SchemaInvalid.code}
)


@pytest.mark.parametrize("row", [row for row in ROWS if row.decider is Decider.CORE], ids=lambda row: f"{row.number}")
def test_row_of_the_core_is_shown_by_a_case(row: Row) -> None:
    # Rows 10, 27 and 31 are values: each has a test of its own in test_package and test_xml.
    assert set(row.codes) - _SHOWN <= {"certificate-twice", "answers-twice"}


@pytest.mark.parametrize(
    "entity", [entity for entity, _ in test_package.REFUSED.values()], ids=test_package.REFUSED.keys()
)
def test_channel_m_gives_no_offers(entity: tuple[Headers, bytes]) -> None:
    """Never M and R together: what is refused as a whole returns nothing that could be answered."""
    headers, body = entity
    with pytest.raises(errors.CEMFault) as caught:
        open_package(headers, body, USUAL_LIMITS)
    assert FAULTS[caught.value.code]
    assert any(row.channel is Channel.MDN or row.number == 8 for row in ROWS if caught.value.code in row.codes)


def test_row_27_is_a_value() -> None:
    assert isinstance(Response.answers_twice, property)
