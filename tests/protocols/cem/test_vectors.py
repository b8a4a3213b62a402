"""Stored messages in the shapes of other products (vectors/cem/README.md), and the fuzz target over them."""

from pathlib import Path

import pytest
from fuzz import cem as target

from counterseal.kernel.mime import DEFAULT_MIME_LIMITS, open_entity
from counterseal.protocols.cem.leniency import Leniency
from counterseal.protocols.cem.limits import USUAL_LIMITS
from counterseal.protocols.cem.model import CertStatus, CertUsage, Response
from counterseal.protocols.cem.package import Package, open_package

VECTORS = Path(__file__).parents[3] / "vectors" / "cem"
SEEDS = [path.suffix[1:2].replace("m", "p").encode() + path.read_bytes() for path in sorted(VECTORS.glob("*.[mx]*m*"))]


def package(name: str) -> Package:
    entity = open_entity([(VECTORS / name).read_bytes()], limits=DEFAULT_MIME_LIMITS)
    return open_package(entity.headers, b"".join(entity.body), USUAL_LIMITS)


EE_ONLY = {Leniency.CONTENT_ID_WITHOUT_BRACKETS, Leniency.ISSUER_MISSING}
REQUESTS = {
    "draft-request.mime": (["CN=Alpha self-signed", "CN=as2.alpha.example"], {Leniency.ISSUER_NAME_REORDERED}),
    "mendelson-request.mime": (["CN=Alpha AS2"], EE_ONLY),
    "mendelson-request-abridged-issuer.mime": (["CN=Alpha AS2"], EE_ONLY | {Leniency.ISSUER_NAME_ABRIDGED}),
    "mendelson-request-unsigned.mime": (["CN=Alpha AS2"], EE_ONLY | {Leniency.NESTED}),
}


@pytest.mark.parametrize(("name", "expected"), REQUESTS.items(), ids=REQUESTS.keys())
def test_request_of_another_product_is_read(name: str, expected: tuple[list[str], set[Leniency]]) -> None:
    """CEM-52."""
    subjects, leniencies = expected
    found = package(name)
    assert [offer.problem for offer in found.offers] == [None] * len(subjects)
    assert [offer.leaf.subject.split(",")[0] for offer in found.offers if offer.leaf] == subjects
    assert found.leniencies == leniencies


def test_draft_sample_keeps_its_usages_chain_and_date() -> None:
    first, second = package("draft-request.mime").offers
    assert first.trust_request.usages == {CertUsage.KEY_ENCIPHERMENT, CertUsage.DIGITAL_SIGNATURE}
    assert (len(first.chain), len(second.chain)) == (0, 1)
    assert second.trust_request.respond_by is not None
    assert second.trust_request.respond_by.instant.isoformat() == "2026-05-12T09:00:00+00:00"


def test_response_of_another_product_is_read() -> None:
    """CEM-52: without Content-ID, with an empty requestId and a CDATA reason."""
    found = package("mendelson-response.mime")
    assert isinstance(found.message, Response)
    assert found.message.request_id is None
    assert found.leniencies == {Leniency.REQUEST_ID_EMPTY, Leniency.XML_CONTENT_ID_MISSING}
    answer = found.message.trust_responses[0]
    assert (answer.status, answer.reason) == (
        CertStatus.REJECTED,
        "Failure in certificate import process: <no keystore>",
    )


@pytest.mark.parametrize("seed", SEEDS, ids=range(len(SEEDS)))
def test_the_fuzz_target_holds_for_its_seeds(seed: bytes) -> None:
    assert seed[:1] in {b"p", b"x"}
    target.fuzz(seed)


def test_the_fuzz_target_holds_for_damaged_seeds() -> None:
    for number in range(150):
        seed = SEEDS[number % len(SEEDS)]
        target.fuzz(seed[:1] + target.damage(seed[1:], number))
