"""The Prefect server of this checkout, for programs and pages of this machine alone: `python -m flows.cli.server PORT`.

Prefect serves whatever Host header a request has, so a page of another site whose name was made to point at 127.0.0.1
counts as its own, and any page may send it requests. Here a request has to be meant for this host, and if a page sent
it, for the page's own origin. Who may ask is decided by the password (flows/cli/credentials.py).
"""

import sys

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send
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
            answer = self.app
        return await answer(scope, receive, send)


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
