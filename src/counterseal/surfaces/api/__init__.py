"""REST: every verb of the product for programs, with OpenAPI and problem documents."""

from counterseal.surfaces.api.app import create_api

__all__ = ["create_api"]
