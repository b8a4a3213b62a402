"""How large a request body may be, whether its length was announced or not."""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from counterseal.surfaces.api.problems import RequestTooLarge, answer_of

STREAMED: Final = "/documents"
"""Where payloads are uploaded: these bodies are measured as they stream, by a limit of their own."""


class BodyLimit:
    """Refuses a body that announces or brings more than it may, before it is held in memory."""

    def __init__(self, app: ASGIApp, *, maximum_request_bytes: int) -> None:
        self._app = app
        self._most = maximum_request_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _streams(scope):
            await self._app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > self._most:
            await answer_of(self._fault())(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._most:
                raise self._fault()
            return message

        await self._app(scope, counted, send)

    def _fault(self) -> RequestTooLarge:
        return RequestTooLarge(f"the request has more than {self._most} bytes")


def _streams(scope: Scope) -> bool:
    path = str(scope["path"]).removeprefix(str(scope.get("root_path", "")))
    return scope["method"] == "POST" and path == STREAMED
