"""The table from fault code to status is whole, and holds nothing that is not there any more."""

import pytest

from counterseal.kernel.errors import CallerFault, EnvironmentFault, Fault, PeerFault
from counterseal.surfaces.api import problems
from counterseal.surfaces.api.problems import STATUS, Problem, answer_of, entered, problem_of
from tests.surfaces.faults import every_fault

ELSEWHERE = ("cli.", "console.", "gateway.")
"""Faults that only another surface raises, or the start of the process."""


def test_every_code_has_a_status() -> None:
    missing = [k.code for k in every_fault() if not k.code.startswith(ELSEWHERE) and entered(k.code) is None]
    assert missing == []


def test_the_table_names_only_codes_that_exist() -> None:
    assert set(STATUS) - {k.code for k in every_fault()} == set()


def test_every_code_is_stable_and_dotted_and_used_by_one_class() -> None:
    codes = [k.code for k in every_fault() if k not in {PeerFault, CallerFault, EnvironmentFault}]
    assert len(codes) == len(set(codes))
    for code in codes:
        assert code == code.lower()
        assert "." in code


@pytest.mark.parametrize(("family", "status"), [(PeerFault, 422), (CallerFault, 422), (EnvironmentFault, 503)])
def test_a_code_that_nobody_entered_gets_its_familys_status(family: type[Fault], status: int) -> None:
    class Newcomer(family):  # type: ignore[valid-type,misc]
        code = "newcomer.fault"

    Newcomer.__module__ = "elsewhere"
    assert problem_of(Newcomer("new")).status == status


@pytest.mark.parametrize("code", sorted(STATUS))
def test_every_answer_has_the_one_shape(code: str) -> None:
    class Any(Fault):
        pass

    Any.code = code
    Any.__module__ = "elsewhere"
    answer = answer_of(Any("a sentence"))
    problem = Problem.model_validate_json(bytes(answer.body))
    assert answer.media_type == problems.MEDIA_TYPE
    assert (problem.status, problem.code, problem.detail) == (answer.status_code, code, "a sentence")
    assert ("www-authenticate" in answer.headers) == (answer.status_code == 401)
