"""The addresses of the search page: the only import of FastAPI.

Gradio was the other choice: it makes the page, too, but brings some fifty packages, loads fonts from the network, and asks the
server at each move of the slider. What this page needs beside FastAPI is the one script in static/.
"""

from importlib.resources import files
from typing import Annotated

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from dcac_fastreid.deploy.serve.answers import Answers
from dcac_fastreid.deploy.serve.guard import Guard
from dcac_fastreid.deploy.serve.missing import Missing
from dcac_fastreid.errors import InputError

LARGEST = 32 * 2**20  # bytes of a given photo
MOST = 1000  # hits of an answer
# Address -> package, file and media type.
PAGE = {
    "/": ("dcac_fastreid.deploy.serve", "static/index.html", "text/html"),
    "/serve.js": ("dcac_fastreid.deploy.serve", "static/serve.js", "text/javascript"),
    "/serve.css": ("dcac_fastreid.deploy.serve", "static/serve.css", "text/css"),
    "/style.css": ("dcac_fastreid.pages", "templates/style.css", "text/css"),
    "/favicon.ico": ("dcac_fastreid.deploy.serve", "static/icon.svg", "image/svg+xml"),
}


class TooLarge(InputError):
    """A photo of more than LARGEST bytes."""


def application(answers: Answers) -> FastAPI:
    """The page of an index, and what it asks for."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)  # FastAPI's own pages load scripts from the network
    app.add_middleware(Guard)
    _tell_errors(app)
    _give_page(app)

    @app.get("/about")
    def about():
        return {**answers.about(), "largest": LARGEST}

    @app.post("/given")
    async def give(request: Request, name: str = ""):
        content = await _body(request)
        return await run_in_threadpool(answers.give, content, name)

    @app.post("/given/gallery/{address}")
    def give_from_gallery(address: str):
        return answers.give_from_gallery(address)

    @app.get("/given/{key}/thumbnail")
    def given_thumbnail(key: str):
        return Response(answers.given[key].thumbnail, media_type="image/jpeg")

    @app.get("/given/{key}/hits")
    def hits(
        key: str,
        k: Annotated[int, Query(ge=1, le=MOST)] = 50,
        camera: Annotated[list[str], Query()] = [],  # noqa: B006 - FastAPI copies it
        not_query_camera: bool = False,
        after: str | None = None,
        before: str | None = None,
    ):
        return answers.hits(key, k, camera, not_query_camera=not_query_camera, after=after, before=before)

    @app.get("/given/{one}/compare/{other}")
    def compare(one: str, other: str):
        return answers.compare(one, other)

    @app.get("/gallery/{address}/thumbnail")
    def thumbnail(address: str):
        return Response(answers.files.thumbnail(address), media_type="image/jpeg")

    @app.get("/gallery/{address}")
    def photo(address: str):
        content = answers.files.content(address)
        return Response(content, media_type=answers.files.media_type(content))

    return app


async def _body(request: Request) -> bytes:
    """What was sent. Raises TooLarge before more than LARGEST bytes of it are kept."""
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > LARGEST:
            raise TooLarge(f"the photo has more than {LARGEST // 2**20} MB; shrink it, or cut the person out")
    return bytes(content)


def _give_page(app: FastAPI) -> None:
    def always(content: bytes, media_type: str):
        return lambda request: Response(content, media_type=media_type)

    for address, (package, name, media_type) in PAGE.items():
        app.add_route(address, always(files(package).joinpath(name).read_bytes(), media_type))


def _tell_errors(app: FastAPI) -> None:
    """Every error is one sentence, as JSON."""

    def tell(status: int, sentence: str) -> JSONResponse:
        return JSONResponse({"error": sentence}, status_code=status)

    app.exception_handler(InputError)(lambda _, error: tell(400, str(error)))
    app.exception_handler(Missing)(lambda _, error: tell(404, str(error)))
    app.exception_handler(TooLarge)(lambda _, error: tell(413, str(error)))
    app.exception_handler(HTTPException)(lambda _, error: tell(error.status_code, str(error.detail)))
    app.exception_handler(RequestValidationError)(lambda _, error: tell(400, _first(error)))


def _first(error: RequestValidationError) -> str:
    first = error.errors()[0]
    return f"{first['loc'][-1]}: {first['msg']}"
