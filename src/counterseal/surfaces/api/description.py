"""The OpenAPI document: what FastAPI derives from the routes, with scopes and problem documents said as they are."""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from counterseal.surfaces.api.problems import MEDIA_TYPE
from counterseal.surfaces.api.routing import ScopedRoute, permission_of

PREFIX: Final = "/api/v1"
_TOKEN: Final = {
    "type": "http",
    "scheme": "bearer",
    "description": "An API token: `counterseal token create NAME --scope view`.",
}


def describe(api: FastAPI, routes: list[ScopedRoute]) -> dict[str, Any]:
    """The document, made once and kept by the application."""
    if api.openapi_schema is None:
        document = get_openapi(
            title=api.title,
            version=api.version,
            description=api.description,
            routes=list(routes),
            servers=[{"url": PREFIX}],
        )
        document.setdefault("components", {})["securitySchemes"] = {"token": _TOKEN}
        for route in routes:
            for method in route.methods or ():
                _complete(document["paths"][route.path][method.lower()], route)
        api.openapi_schema = document
    return api.openapi_schema


def _complete(operation: dict[str, Any], route: ScopedRoute) -> None:
    scope = permission_of(route.endpoint).value
    operation["security"] = [{"token": []}]
    operation["description"] = f"{operation.get('description', '')}\n\nNeeds the scope `{scope}`.".strip()
    operation["responses"].pop("422", None)  # FastAPI's own shape, which is never sent
    operation["responses"]["default"] = {
        "description": "A problem document (RFC 9457).",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
