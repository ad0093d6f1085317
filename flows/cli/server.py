"""The Prefect server of this checkout, for programs and pages of this machine alone: `python -m flows.cli.server PORT`.

Prefect serves whatever Host header a request has, so a page of another site whose name was made to point at 127.0.0.1
counts as its own, and any page may send it requests. Here a request has to be meant for this host, and if a page sent
it, for the page's own origin. Who may ask is decided by the password (flows/cli/credentials.py). And Prefect's pages
ask a service that counts visitors how to count them, whatever the settings say: a page from here speaks to here alone.
"""

import sys

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

HOST = "127.0.0.1"


class OwnOriginOnly:
    """An application that answers requests to 127.0.0.1:PORT or localhost:PORT, and pages from there alone."""

    def __init__(self, app: ASGIApp, port: int) -> None:
        """Pages of localhost are sent to 127.0.0.1, so that there is one origin."""
        self.app, self.own, self.alias = app, f"{HOST}:{port}", f"localhost:{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, redirect or serve one request or connection."""
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        headers = Headers(scope=scope)
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        is_own = hosts in ([self.own], [self.alias]) and all(origin == f"http://{self.own}" for origin in origins)
        if not is_own and scope["type"] == "websocket":
            answer: ASGIApp = WebSocketClose(1008, "another host or origin")
        elif not is_own:
            answer = PlainTextResponse(f"this server answers to {self.own} and its own pages only", 403)
        elif hosts == [self.alias] and "text/html" in headers.get("accept", ""):
            query = scope["query_string"].decode("latin-1")
            answer = RedirectResponse(f"http://{self.own}{scope['path']}" + (f"?{query}" if query else ""))
        else:
            answer = self._serve
        return await answer(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The application's answer, from which a browser lets no request go elsewhere."""

        async def send_closed(message: Message) -> None:
            if message["type"] == "http.response.start":
                policy = f"connect-src 'self' ws://{self.own} data: blob:"
                MutableHeaders(scope=message)["content-security-policy"] = policy
            await send(message)

        await self.app(scope, receive, send_closed)


def main(port: int) -> None:
    """Serve until a signal ends it."""
    import uvicorn
    from prefect.logging.configuration import setup_logging
    from prefect.server.api.server import create_app
    from prefect.settings import get_current_settings

    setup_logging()
    settings = get_current_settings().server
    uvicorn.run(
        OwnOriginOnly(create_app(final=True), port),
        host=HOST,
        port=port,
        timeout_keep_alive=settings.api.keepalive_timeout,
        ws_ping_interval=settings.api.websocket_ping_interval,
        ws_ping_timeout=settings.api.websocket_ping_timeout,
        log_level=settings.logging_level.lower(),
    )


if __name__ == "__main__":
    main(int(sys.argv[1]))
