"""Received certificate exchange requests: the list, and one to compare and decide."""

from starlette.responses import Response
from starlette.routing import Route

from counterseal.domain.channel import Channel
from counterseal.domain.people import Permission
from counterseal.engine import replacement
from counterseal.engine.views import received as views
from counterseal.engine.views.received import OfferView, ReceivedState
from counterseal.kernel.ids import OfferId
from counterseal.surfaces.web.lists import keeping, member, page_of, search_of
from counterseal.surfaces.web.rendering import FormState
from counterseal.surfaces.web.states import look
from counterseal.surfaces.web.visit import Visit, community_path, owned, page
from counterseal.surfaces.web.words import usage_words

_FILTERS = ("q", "state", "channel")


def routes() -> list[Route]:
    return [
        page("/c/{community}/received", received, permission=Permission.VIEW),
        page("/c/{community}/received/{offer}", offer, permission=Permission.VIEW),
    ]


def received(visit: Visit) -> Response:
    community = visit.community()
    query = visit.query
    with visit.ports.store.read() as reader:
        found = views.received_list(
            reader,
            community,
            state=member(ReceivedState, query.text("state")),
            channel=member(Channel, query.text("channel")),
            search=search_of(query),
            page=page_of(query),
        )
    path = community_path(community, "/received")
    written = keeping(query, _FILTERS)
    tabs = [("All", found.total, f"{path}?{written(state='')}", found.state is None)]
    tabs += [
        (look(state).word, found.counts.get(state, 0), f"{path}?{written(state=state.value)}", found.state is state)
        for state in ReceivedState
        if found.counts.get(state) or found.state is state
    ]
    return visit.show(
        "received.html",
        here="received",
        community=community,
        found=found,
        query=written,
        tabs=tabs,
        channels=[Channel.CEM, Channel.SCX],
    )


def offer_of(visit: Visit) -> OfferView:
    """The request that the address names. Raises ``NotFound``."""
    community = visit.community()
    with visit.ports.store.read() as reader:
        view = views.offer(reader, OfferId(visit.path("offer")))
    owned(community, view.offer.community_id, "received request")
    return view


def offer(visit: Visit) -> Response:
    return show_offer(visit, offer_of(visit), FormState())


def _undoable(visit: Visit, view: OfferView) -> str:
    """The uses that a Replace ended here and that can come back; empty: none."""
    with visit.ports.store.read() as reader:
        found = [replacement.undoable(reader, view.offer, c.offered) for c in view.certificates]
    usages = frozenset(usage for ended in found for usage in ended)
    return usage_words(usages) if usages else ""


def show_offer(visit: Visit, view: OfferView, form: FormState, *, status: int = 200) -> Response:
    community = visit.community()
    refusals = [c for c in view.pending if not c.can_be_accepted]
    return visit.show(
        "offer.html",
        here="received",
        community=community,
        status=status,
        view=view,
        form=form,
        refusals=refusals,
        second=view.state is ReceivedState.NEEDS_SECOND,
        undoable=_undoable(visit, view),
        uses={c.offered.id: usage_words(c.offered.usages) for c in view.certificates},
    )
