"""HTTP on the wire: the client behind the engine's ``Poster``, and the public listener."""

from counterseal.adapters.http.outgoing import InvalidHeader, WrongBodySize
from counterseal.adapters.http.poster import HTTPPoster

__all__ = ["HTTPPoster", "InvalidHeader", "WrongBodySize"]
