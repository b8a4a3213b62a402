"""The console as one Starlette app; the private listener mounts it. Nothing here is shared with the public listener."""

from starlette.applications import Starlette
from starlette.middleware import Middleware

from counterseal.engine.ports import Ports
from counterseal.surfaces.web import assets
from counterseal.surfaces.web.headers import SecurityHeaders
from counterseal.surfaces.web.pages import (
    assign,
    audit,
    certificates,
    community,
    configure,
    document_actions,
    documents,
    held_receipts,
    home,
    listeners,
    oftp2_agreements,
    people,
    received,
    received_actions,
    sent,
    sent_actions,
    sessions,
    sign_in,
    wizard,
    wizard_details,
)
from counterseal.surfaces.web.rendering import Renderer

PAGES = (
    home,
    configure,
    oftp2_agreements,
    wizard,
    wizard_details,
    assign,
    community,
    certificates,
    document_actions,
    held_receipts,
    documents,
    sessions,
    listeners,
    sent,
    sent_actions,
    received_actions,
    received,
    people,
    audit,
)
"""In this order: a path of words stands before one with a name in its place."""


def create_console(ports: Ports) -> Starlette:
    """All pages of the console over the engine behind ``ports``."""
    console = Starlette(
        routes=[
            *assets.routes(),
            *sign_in.routes(),
            *(route for pages in PAGES for route in pages.routes()),
        ],
        middleware=[Middleware(SecurityHeaders)],
    )
    console.state.ports = ports
    console.state.render = Renderer()
    return console
