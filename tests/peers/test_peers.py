"""Documents between a served gateway and other people's software, both ways, in every form that both have.

What a peer cannot do is skipped with the reason; what is odd about a peer stands in its row. ``scripts/peers`` installs them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from counterseal.domain.document import Document, DocumentState
from tests.peers.forms import FORMS, Form
from tests.peers.peer import Peer
from tests.peers.products import PRODUCTS, Product, start_peer
from tests.peers.served import Gateway

pytestmark = [pytest.mark.peer, pytest.mark.slow]


@dataclass
class Pair:
    product: Product
    gateway: Gateway
    peer: Peer
    sent: dict[str, str]
    """Our documents by form. Those of both sides were queued before the first test looked."""


def name_of(form: Form, direction: str) -> str:
    return f"{form.name}-{direction}.edi"


@pytest.fixture(scope="module", params=PRODUCTS, ids=lambda product: product.name)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    product: Product = request.param
    with start_peer(product, tmp_path_factory.mktemp(product.name)) as (gateway, peer):
        sent = {
            form.name: gateway.send(form, form.content(), name_of(form, "out"))
            for form in product.forms
            if product.why_not(form, "out") is None
        }
        for form in product.forms:
            if product.why_not(form, "in") is None:
                peer.queue(form, form.content(), name_of(form, "in"))
        yield Pair(product=product, gateway=gateway, peer=peer, sent=sent)


def skip_what_it_cannot(product: Product, form: Form, direction: str) -> None:
    reason = product.why_not(form, direction)
    if reason is not None:
        pytest.skip(f"{product.name}: {reason}")


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_a_document_of_ours_arrives_and_its_receipt_proves_it(pair: Pair, form: Form) -> None:
    skip_what_it_cannot(pair.product, form, "out")
    document = pair.gateway.settled(pair.sent[form.name])

    assert document.state is pair.product.state_out(form), pair.gateway.story(document.id) + pair.peer.words()
    assert pair.peer.has(form, form.content()), pair.peer.delivered(form)
    if pair.product.knows_name(form, "out"):
        assert name_of(form, "out") in [name for name, _ in pair.peer.delivered(form)]
    if form.between == "lost":
        assert document.tries == 2


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_a_document_of_theirs_arrives_and_they_take_our_receipt(pair: Pair, form: Form) -> None:
    skip_what_it_cannot(pair.product, form, "in")
    told = pair.peer.outcome(form, name_of(form, "in"))

    documents = pair.gateway.received(form)
    assert len(documents) == 1, f"{told}\n{pair.peer.words()}"
    assert documents[0].state in {DocumentState.RECEIVED, DocumentState.DELIVERED}, story(pair, documents[0])
    assert pair.gateway.content(documents[0]) == form.content()
    assert documents[0].file_name == (name_of(form, "in") if pair.product.knows_name(form, "in") else "")
    message = pair.gateway.messages(documents[0].id)[0]
    assert message.layers == pair.product.layers_in(form), "it came in another form"
    if form.chunked:
        assert {name.lower(): value for name, value in message.headers}.get("transfer-encoding") == "chunked"
    assert told.error == "", pair.peer.words()
    if form.receipt != "none":
        assert told.disposition.lower().endswith("processed"), told
        assert told.mic == pair.product.mic_in(form), f"{told}\n{story(pair, documents[0])}\n{pair.peer.words()}"
        assert told.signed == (form.receipt_signed or pair.product.always_signed)
    if form.between == "twice":
        first, again = pair.gateway.answers_to(form)
        assert first == again, "the stored receipt is the answer to a duplicate"


def story(pair: Pair, document: Document) -> str:
    return pair.gateway.story(document.id)
