"""Which requests are answered, and what a browser may do with the answers. The page is for this machine alone.

A program of another machine cannot reach a socket of 127.0.0.1, but a browser here can be led to it by any page that it shows:
by a name that the page's owner lets lead to 127.0.0.1 (the request's Host is then that name), or straight (its Origin or
Sec-Fetch-Site is then that page's). Both are refused.
"""

import logging
from collections.abc import Awaitable, Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse

logger = logging.getLogger("fastreid.dcac")
HOSTS = ("127.0.0.1", "localhost")
# Nothing but what this server gives; no other page may show or read it; and no browser keeps photos of people on its disk.
ANSWER_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Guard:
    """An ASGI middleware."""

    def __init__(self, app: Callable[..., Awaitable[None]]):
        self._app = app

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        begun = False

        async def send_with_headers(message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                MutableHeaders(scope=message).update(ANSWER_HEADERS)
            await send(message)

        why = why_refused(Headers(scope=scope))
        answer = JSONResponse({"error": why}, status_code=403) if why else self._app
        try:
            await answer(scope, receive, send_with_headers)
        except ClientDisconnect:
            pass  # the visitor has closed the page
        except Exception:
            logger.exception("The search page could not answer %s", scope["path"])
            if begun:
                raise
            failed = JSONResponse({"error": "the server failed; the terminal where it runs shows why"}, status_code=500)
            await failed(scope, receive, send_with_headers)


def why_refused(headers: Headers) -> str:
    """A sentence; "" where a request is answered."""
    host, origin, site = (headers.get(name) for name in ("host", "origin", "sec-fetch-site"))
    if host is None or host.partition(":")[0] not in HOSTS:
        return f"this page is for this machine alone; open it as http://{HOSTS[0]}, not by another name"
    if (origin is not None and origin != f"http://{host}") or site not in (None, "same-origin", "none"):
        return "another page has sent this request; open this page itself"
    return ""
