"""Requests and answers: bodies within their limits, numbers of a query, clients that are gone, files to download."""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import Awaitable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from segment.core.errors import (
    ImageError,
    OutputError,
    SegmentError,
    SettingsError,
    describe_fault,
    describe_os_error,
    printable_path,
)
from segment.web.image_store import StoredImage
from segment.web.worker_pool import BusyError, LostError

__all__ = [
    "TooLargeError",
    "answer_error",
    "check_name",
    "is_stored",
    "read_number",
    "run_until_disconnected",
    "send_files",
    "write_body",
]

Result = TypeVar("Result")

DROP_SECONDS = 5.0  # for which the rest of a body that is refused is taken

_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".tif": "image/tiff",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".geojson": "application/geo+json",
    ".csv": "text/csv; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".toml": "application/toml",
    ".zip": "application/zip",
}


class TooLargeError(SegmentError):
    """More bytes were sent than the server takes."""


# The first that fits: what went wrong, and the status of the answer.
_STATUSES: tuple[tuple[type[BaseException], int], ...] = (
    (TooLargeError, 413),
    (BusyError, 503),
    (LostError, 500),
    (OutputError, 507),
    (SettingsError, 400),
    (SegmentError, 422),
)


async def write_body(request: Request, path: Path, *, max_bytes: int, seconds: float) -> None:
    """Write the body of a request into a file.

    Parameters
    ----------
    request : Request
    path : Path
    max_bytes : int
        A longer body is refused, before it has come where the request tells its length.
    seconds : float
        The time that it may take.

    Raises
    ------
    TooLargeError
        If it is longer.
    ImageError
        If it takes longer, or is empty.
    OutputError
        If the file cannot be written.
    """
    most = f"at most {max_bytes} bytes are taken"
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > max_bytes:
        raise TooLargeError(f"body: {most}; got {length}. Give --max-upload to the server, or send a smaller file.")
    size = 0
    try:
        async with asyncio.timeout(seconds):
            with path.open("wb") as file:
                async for part in request.stream():
                    size += len(part)
                    if size > max_bytes:
                        raise TooLargeError(f"body: {most}; got more. Send a smaller file.")
                    file.write(part)
    except TimeoutError as error:
        raise ImageError(f"body: sent within {seconds:g} s; it took longer. Send it again.") from error
    except OSError as error:
        raise OutputError(
            f"body: cannot be kept; {describe_os_error(error)}. Free some space in the temporary folder."
        ) from error
    if size == 0:
        raise ImageError("body: an image file; got nothing. Send its bytes, as curl --data-binary @FILE does.")


def send_files(files: dict[str, bytes], archive: str) -> Response:
    """Send a file, or several in a ZIP.

    Parameters
    ----------
    files : dict of str to bytes
        Contents by their names.
    archive : str
        Name of the ZIP.
    """
    name, content = next(iter(files.items())) if len(files) == 1 else (archive, zip_files(files))
    headers = {"content-disposition": format_disposition(name)}
    return Response(content, media_type=_TYPES.get(Path(name).suffix, "application/octet-stream"), headers=headers)


async def run_until_disconnected(request: Request, call: Awaitable[Result]) -> Result:
    """Wait for a call, and cancel it when the client is gone.

    Parameters
    ----------
    request : Request
        Its body has been read, or is not used.
    call : awaitable

    Returns
    -------
    object
        What the call returns.

    Raises
    ------
    ClientDisconnect
        If nobody waits for the answer any more.
    """
    task = asyncio.ensure_future(call)
    watch = asyncio.ensure_future(_wait_for_disconnect(request))
    try:
        await asyncio.wait([task, watch], return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientDisconnect
        return task.result()
    finally:
        for each in (task, watch):
            each.cancel()
        # The work is stopped before this request ends.
        await asyncio.gather(task, watch, return_exceptions=True)


async def _wait_for_disconnect(request: Request) -> None:
    """Wait until the client is gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def read_number(request: Request, name: str, default: int, *, low: int = 0, high: int = 2**31) -> int:
    """Read a whole number of a query.

    Parameters
    ----------
    request : Request
    name : str
    default : int
        Where it is not given.
    low, high : int
        The range, both ends included.
    """
    text = request.query_params.get(name, str(default))
    if not text.isdecimal() or not low <= int(text) <= high:
        raise SettingsError(f"{name}: a whole number from {low} to {high}; got {text[:20]!r}.")
    return int(text)


def check_name(image: StoredImage, name: str) -> str:
    """Check that a client names a file of an image that the server has made there."""
    if not is_stored(image, name):
        raise ImageError(f"mask or regions of interest: of this image; got {name[:60]!r}. Send them again.")
    return name


def is_stored(image: StoredImage, name: str) -> bool:
    """Tell whether a name is that of a mask, or of regions of interest, of an image."""
    return bool(name) and name != image.name and name in {path.name for path in image.folder.glob("*.png")}


def zip_files(files: dict[str, bytes]) -> bytes:
    """Pack files into a ZIP that is the same for the same files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            # Without the time of day.
            archive.writestr(zipfile.ZipInfo(name), content, compress_type=zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def format_disposition(name: str) -> str:
    """Write the header that names a download, by RFC 6266.

    Examples
    --------
    >>> format_disposition("sea_labels.png")
    "attachment; filename*=UTF-8''sea_labels.png"
    """
    return f"attachment; filename*=UTF-8''{quote(name, safe='')}"


async def answer_error(request: Request, error: Exception) -> Response:
    """Answer a failure in one line."""
    if isinstance(error, ClientDisconnect):
        return Response(status_code=499)  # nobody reads it
    if isinstance(error, HTTPException):  # of the routes: 404 and 405
        text = f"{printable_path(request.url.path)[:60]}: {error.detail.lower()}. docs/serve.md has the requests."
        return JSONResponse({"error": text}, error.status_code, error.headers)
    status = next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)
    text = str(error) if isinstance(error, SegmentError) else describe_fault(error)
    headers = {"retry-after": "2"} if status == 503 else {}
    if status == 413:
        headers["connection"] = "close"
        await _drop_body(request)
    return JSONResponse({"error": text}, status, headers)


async def _drop_body(request: Request) -> None:
    """Take what is left of a body for a moment: who still sends when the connection is closed never reads the answer.

    A client that waits for permission to send is answered at once.
    """
    if "expect" in request.headers:
        return
    with suppress(TimeoutError, ClientDisconnect):
        async with asyncio.timeout(DROP_SECONDS):
            async for _ in request.stream():
                pass
