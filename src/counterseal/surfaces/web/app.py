"""The console as one Starlette app; the private listener mounts it. Nothing here is shared with the public listener."""

from starlette.applications import Starlette
from starlette.middleware import Middleware

from counterseal.engine.ports import Ports
from counterseal.surfaces.web import assets
from counterseal.surfaces.web.headers import SecurityHeaders
from counterseal.surfaces.web.pages import sign_in
from counterseal.surfaces.web.rendering import Renderer


def create_console(ports: Ports) -> Starlette:
    """All pages of the console over the engine behind ``ports``."""
    console = Starlette(
        routes=[*assets.routes(), *sign_in.routes()],
        middleware=[Middleware(SecurityHeaders)],
    )
    console.state.ports = ports
    console.state.render = Renderer()
    return console
