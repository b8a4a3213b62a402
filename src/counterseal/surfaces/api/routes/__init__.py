"""The operations, a module per thing."""

from typing import Final

from fastapi import APIRouter

from counterseal.surfaces.api.routes import (
    audit,
    certificates,
    communities,
    configuration,
    documents,
    people,
    received,
    received_actions,
    trust_requests,
)

ROUTERS: Final[tuple[APIRouter, ...]] = (
    configuration.router,
    communities.router,
    certificates.router,
    trust_requests.router,
    received.router,
    received_actions.router,
    documents.router,
    people.router,
    audit.router,
)
