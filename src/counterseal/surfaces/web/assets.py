"""The few static files: stylesheet, mark, and htmx out of its own package. Nothing is fetched from anywhere else."""

import importlib.util
from importlib.resources import files
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

_CACHE: Final = "public, max-age=300"
_TYPES: Final = {"console.css": "text/css", "mark.svg": "image/svg+xml", "htmx.min.js": "text/javascript"}


def routes() -> list[Route]:
    return [Route("/static/{name}", _serve, name="static")]


async def _serve(request: Request) -> Response:
    name = str(request.path_params["name"])
    if name not in _TYPES:
        return PlainTextResponse("There is no such file.", status_code=404)
    return FileResponse(_path(name), media_type=_TYPES[name], headers={"cache-control": _CACHE})


def _path(name: str) -> Path:
    if name == "htmx.min.js":
        return htmx_path()
    return Path(str(files("counterseal.surfaces.web") / "static" / name))


def htmx_path() -> Path:
    """The minified file of the ``django-js-lib-htmx`` wheel; found without importing it, which would want Django."""
    spec = importlib.util.find_spec("js_lib_htmx")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("js_lib_htmx")
    return Path(next(iter(spec.submodule_search_locations))) / "static" / "htmx" / "htmx.min.js"
