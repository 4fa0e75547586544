"""The HTTP API and the files of the page."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from segment.config.config import SegmentConfig
from segment.core.errors import ModelError, SegmentError, printable_path
from segment.core.version import __version__
from segment.web import image_work
from segment.web.command_text import describe_command
from segment.web.exchange import (
    answer_error,
    check_name,
    is_stored,
    read_number,
    run_until_disconnected,
    send_files,
    write_body,
)
from segment.web.image_store import ImageStore, StoredImage
from segment.web.protection import Protection
from segment.web.settings_query import describe_settings, read_settings
from segment.web.worker_pool import WorkerPool

__all__ = ["Api", "build_app"]

STATIC = Path(__file__).parent / "static"
SWEEP_SECONDS = 60.0  # between two looks for images to forget
DEFAULT_SIZE = 1280  # pixels


@dataclass(frozen=True, eq=False)
class Api:
    """What answers requests.

    Attributes
    ----------
    store : ImageStore
    pool : WorkerPool
    start : SegmentConfig
        What the page begins with; its `max_pixels` is the most that a request may ask for.
    max_bytes : int
        Of a picture that is sent.
    folder : str
        What is open, for the page: the name of a folder or image; empty for neither.
    upload_seconds : float
        The time that sending may take.
    """

    store: ImageStore
    pool: WorkerPool
    start: SegmentConfig
    max_bytes: int
    folder: str = ""
    upload_seconds: float = 120.0

    async def show_page(self, _request: Request) -> Response:
        """Send the page."""
        return FileResponse(STATIC / "index.html")

    async def list_settings(self, _request: Request) -> Response:
        """Send every setting and product, and the limits of the server."""
        about = describe_settings(self.start)
        limits = {"max_bytes": self.max_bytes, "max_pixels": self.start.max_pixels}
        return JSONResponse({"version": __version__, "folder": self.folder, "limits": limits, **about})

    async def list_images(self, _request: Request) -> Response:
        """Send the images that the server was started with."""
        return JSONResponse({"images": [{"id": image.id, "name": image.name} for image in self.store.list_files()]})

    async def add_image(self, request: Request) -> Response:
        """Keep the image in the body, and describe it."""
        image = await self._receive(request, request.query_params.get("file", "image"))
        try:
            about = await self._work(request, image, image_work.describe_picture, self._read_config(request)[0])
        except BaseException:
            self.store.forget(image)
            raise
        return JSONResponse({"id": image.id, "name": image.name, **about}, 201)

    async def describe_image(self, request: Request) -> Response:
        """Describe an image."""
        image = self.store.find(request.path_params["image"])
        about = await self._work(request, image, image_work.describe_picture, self._read_config(request, image)[0])
        return JSONResponse({"id": image.id, "name": image.name, **about})

    async def remove_image(self, request: Request) -> Response:
        """Forget an image that was sent."""
        image = self.store.find(request.path_params["image"])
        if image.is_sent:
            self.store.forget(image)
        return Response(status_code=204)

    async def draw_picture(self, request: Request) -> Response:
        """Send an image at the size of the screen."""
        image = self.store.find(request.path_params["image"])
        size = read_number(request, "size", DEFAULT_SIZE, low=16, high=4096)
        config, _ = self._read_config(request, image)
        picture = await self._work(request, image, image_work.draw_picture, config, size)
        return Response(picture, media_type="image/png" if picture.startswith(b"\x89PNG") else "image/jpeg")

    async def add_labels(self, request: Request) -> Response:
        """Keep a mask, or regions of interest, for an image."""
        image = self.store.find(request.path_params["image"])
        kind = request.url.path.rsplit("/", 1)[1]
        name = f"{Path(image.name).stem}_{kind}_{secrets.token_hex(3)}.png"
        drawn = f"{name}.drawn"
        config, _ = self._read_config(request, image)
        try:
            await self._write_body(request, image.folder / drawn)
            await self._work(request, image, image_work.store_labels, config, drawn, name, kind == "mask")
        finally:
            (image.folder / drawn).unlink(missing_ok=True)
        return JSONResponse({"id": name}, 201)

    async def get_labels(self, request: Request) -> Response:
        """Send a mask or regions of interest back, as the command takes them."""
        image = self.store.find(request.path_params["image"])
        path = image.folder / check_name(image, request.path_params["name"])
        return FileResponse(path, media_type="image/png", filename=path.name)

    async def add_model(self, request: Request) -> Response:
        """Keep a file of classes."""
        model = await self._receive(request, request.query_params.get("file", "model.json"))
        try:
            _read_model_settings(model)
        except BaseException:
            self.store.forget(model)
            raise
        return JSONResponse({"id": model.id, "name": model.name}, 201)

    async def look_up_pixel(self, request: Request) -> Response:
        """Send the color, the class and the posteriors of a pixel."""
        image = self.store.find(request.path_params["image"])
        config, model = self._read_config(request, image)
        size = read_number(request, "size", DEFAULT_SIZE, high=4096)
        x, y = (read_number(request, name, 0) for name in ("x", "y"))
        return JSONResponse(await self._work(request, image, image_work.look_up_pixel, config, size, model, x, y))

    async def segment(self, request: Request) -> Response:
        """Segment the image in the body, or one that is kept, and send JSON, a product, or several in a ZIP."""
        given = request.query_params.get("image")
        if given:
            image = self.store.find(given)
        else:
            image = await self._receive(request, request.query_params.get("file", "image"))
        config, model = self._read_config(request, image)
        if "save" in request.query_params:
            return await self._send_products(request, image, config, model)
        size = read_number(request, "size", 0, high=4096)
        quick = request.query_params.get("quick") == "1"
        about = await self._work(request, image, image_work.segment_for_page, config, size, quick, model)
        shown = describe_command(image.name, config, Path(model).name if model else "")
        return JSONResponse({"image": image.id, "name": image.name, **about, **shown})

    async def write_command(self, request: Request) -> Response:
        """Send the command and the settings that make the same as a request."""
        image = self.store.find(request.query_params.get("image", ""))
        config, model = self._read_config(request, image)
        return JSONResponse(describe_command(image.name, config, Path(model).name if model else ""))

    async def _send_products(self, request: Request, image: StoredImage, config: SegmentConfig, model: str) -> Response:
        """Send the files of a result."""
        files, warnings = await self._work(request, image, image_work.make_products, config, model)
        # The command needs the files that were drawn too: they go with several files.
        drawn = [name for name in (config.mask, config.roi) if is_stored(image, name)]
        if len(files) > 1:
            files |= {name: (image.folder / name).read_bytes() for name in drawn}
        answer = send_files(files, f"{Path(image.name).stem}_results.zip")
        answer.headers["x-segment-warnings"] = str(len(warnings))
        return answer

    def _read_config(self, request: Request, image: StoredImage | None = None) -> tuple[SegmentConfig, str]:
        """Read the settings of a request, and the file of classes that it names."""
        query = request.query_params
        settings = read_settings(query.multi_items())
        most = self.start.max_pixels
        settings["max_pixels"] = min(settings.get("max_pixels", most), most)
        for kind in ("mask", "roi"):
            if query.get(f"{kind}_id") and image is not None:
                settings[kind] = check_name(image, query[f"{kind}_id"])
        model = query.get("model", "")
        if not model:
            return SegmentConfig.from_values(**settings).reject_unused_by("run"), ""
        stored = self.store.find(model)
        # The rest of the settings is that of the model, as in `segment apply`.
        defaults = _read_model_settings(stored)
        config = SegmentConfig.from_values(**{**defaults, **settings})
        config.reject_unused_by("apply", defaults, has_defaults=True)
        return config, str(stored.path)

    async def _work(
        self, request: Request, image: StoredImage, function: Callable[..., Any], config: SegmentConfig, *more: Any
    ) -> Any:
        """Call a function in a worker; stop it when the client is gone."""
        call = self.pool.run(image.id, function, image.path, config, *more)
        return await run_until_disconnected(request, call)

    async def _receive(self, request: Request, name: str) -> StoredImage:
        """Keep the file that is the body of a request."""
        image = self.store.prepare_upload(name)
        try:
            await self._write_body(request, image.path)
            self.store.keep(image)
        except BaseException:
            # Also where the client is gone in the middle.
            self.store.forget(image)
            raise
        return image

    async def _write_body(self, request: Request, path: Path) -> None:
        """Write the body of a request into a file."""
        await write_body(request, path, max_bytes=self.max_bytes, seconds=self.upload_seconds)


def _read_model_settings(stored: StoredImage) -> dict[str, Any]:
    """Read the settings of a file of classes; an error names it as it was sent."""
    from segment.segmenter.class_model.storage import load_class_model

    try:
        return load_class_model(stored.path).settings
    except ModelError as error:
        raise ModelError(str(error).replace(printable_path(stored.path), stored.name)) from error


def build_app(api: Api, *, token: str, host: str) -> Starlette:
    """Build the application.

    Parameters
    ----------
    api : Api
    token : str
        What requests must have.
    host : str
        What the server listens on.
    """

    async def sweep() -> None:
        """Forget old images now and then."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            api.store.forget_old()

    @asynccontextmanager
    async def live(_app: Starlette) -> AsyncIterator[None]:
        """Sweep as long as the application lives."""
        task = asyncio.create_task(sweep())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    routes = [
        Route("/", api.show_page),
        Route("/api/settings", api.list_settings),
        Route("/api/images", api.list_images),
        Route("/api/images", api.add_image, methods=["POST"]),
        Route("/api/images/{image}", api.describe_image),
        Route("/api/images/{image}", api.remove_image, methods=["DELETE"]),
        Route("/api/images/{image}/picture", api.draw_picture),
        Route("/api/images/{image}/pixel", api.look_up_pixel),
        Route("/api/images/{image}/files/{name}", api.get_labels),
        Route("/api/images/{image}/mask", api.add_labels, methods=["POST"]),
        Route("/api/images/{image}/roi", api.add_labels, methods=["POST"]),
        Route("/api/command", api.write_command),
        Route("/api/models", api.add_model, methods=["POST"]),
        Route("/api/segment", api.segment, methods=["POST"]),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    return Starlette(
        routes=routes,
        lifespan=live,
        exception_handlers=dict.fromkeys((ClientDisconnect, SegmentError, HTTPException, Exception), answer_error),
        middleware=[Middleware(Protection, token=token, host=host)],
    )
