"""HTTP on the wire: the client behind the engine's ``Poster``, and the public listener."""

from counterseal.adapters.http.deferred import DeferredPoster

__all__ = ["DeferredPoster"]
