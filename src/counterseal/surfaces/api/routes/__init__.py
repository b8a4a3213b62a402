"""The operations, a module per thing."""

from typing import Final

from fastapi import APIRouter

from counterseal.surfaces.api.routes import (
    audit,
    certificate_actions,
    certificates,
    communities,
    configuration,
    documents,
    oftp2,
    people,
    received,
    received_actions,
    roots,
    trust_request_actions,
    trust_requests,
)

ROUTERS: Final[tuple[APIRouter, ...]] = (
    configuration.router,
    communities.router,
    certificates.router,
    certificate_actions.router,
    roots.router,
    trust_requests.router,
    trust_request_actions.router,
    received.router,
    received_actions.router,
    documents.router,
    oftp2.router,
    people.router,
    audit.router,
)
