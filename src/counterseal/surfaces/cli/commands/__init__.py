"""The commands, a module per thing."""

from collections.abc import Callable, Mapping
from typing import Final

import typer

from counterseal.surfaces.cli.commands import (
    audit,
    certificates,
    communities,
    configuration,
    documents,
    oftp2,
    people,
    received,
    roots,
    serving,
    trust_requests,
)

GROUPS: Final[Mapping[str, typer.Typer]] = {
    "community": communities.community,
    "station": communities.station,
    "partner": communities.partner,
    "agreement": communities.agreement,
    "certificate": certificates.certificate,
    "root": roots.root,
    "trust-request": trust_requests.trust_request,
    "received": received.received,
    "document": documents.document,
    "oftp2": oftp2.oftp2,
    "listener": oftp2.listener,
    "user": people.user,
    "token": people.token,
    "audit": audit.audit,
}

SINGLE: Final[Mapping[str, Callable[..., None]]] = {
    "serve": serving.serve,
    "apply": configuration.apply,
    "export": configuration.export,
}
