"""Run the server: from the options of the command until Ctrl-C."""

from __future__ import annotations

import ipaddress
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segment.config.config import SegmentConfig
from segment.core.errors import DependencyError, SettingsError, describe_os_error, printable_path
from segment.core.threads import can_start_threads

if TYPE_CHECKING:
    import uvicorn

    from segment.web.image_store import ImageStore
    from segment.web.worker_pool import WorkerPool

__all__ = ["ServerOptions", "run_server"]

MIN_TOKEN = 8  # characters
MAX_CONNECTIONS = 100
TASKS_OF_WORKER = 4  # threads and processes: one that waits for it, itself, and those that it starts


@dataclass(frozen=True)
class ServerOptions:
    """The options of the server.

    Attributes
    ----------
    host : str
        The address that it listens on.
    port : int
        0 for any free one.
    token : str
        What requests must have; empty for a random one.
    workers : int
        Requests that are worked on at the same time; 0 for as many as there are cores, at most 4.
    max_waiting : int
        Requests that wait beside these.
    max_upload : int
        Megabytes of a picture that is sent.
    timeout : float, seconds
        The time that a request may take.
    """

    host: str = "127.0.0.1"
    port: int = 0
    token: str = ""
    workers: int = 0
    max_waiting: int = 16
    max_upload: int = 256
    timeout: float = 120.0

    def __post_init__(self) -> None:
        if not _is_loopback(self.host) and not self.token:
            raise SettingsError(
                f"host (--host): other machines reach it, so a token is needed; got {self.host}. Give --token too."
            )
        if self.token and (len(self.token) < MIN_TOKEN or not self.token.isascii() or not self.token.isprintable()):
            raise SettingsError(
                f"token (--token): at least {MIN_TOKEN} printable ASCII characters; got {len(self.token)}. Lengthen it."
            )
        for name, low, high in (
            ("port", 0, 65535),
            ("workers", 0, 64),
            ("max_waiting", 0, 1000),
            ("max_upload", 1, 100_000),
            ("timeout", 1, 86_400),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                option = name.replace("_", "-")
                raise SettingsError(f"{name} (--{option}): a number from {low} to {high}; got {value:g}.")


def _is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach a host, an address or a name."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def run_server(
    source: Path | None, config: SegmentConfig, options: ServerOptions, on_ready: Callable[[str, int, list[str]], None]
) -> None:
    """Serve the page until the process is interrupted.

    Parameters
    ----------
    source : Path or None
        An image or a folder of images to begin with.
    config : SegmentConfig
        The settings that the page begins with.
    options : ServerOptions
    on_ready : callable
        Called with the address of the page, the number of images, and a sentence for each kind of images in the folder
        that are not read, when the server listens.

    Raises
    ------
    DependencyError
        If the libraries of the extra `serve` are not installed.
    SettingsError
        If the source does not exist, or the port is in use.
    ImageError
        If the folder has no image.
    """
    try:
        import uvicorn  # noqa: F401  so that it is known to be there

        from segment.web.app import Api, build_app
    except ImportError as error:
        raise DependencyError(
            f"segment serve: needs Starlette and uvicorn; {error}. Run: pip install 'gmm-segment[serve]'."
        ) from error
    from segment.runs.workers.processes import count_cores
    from segment.web.image_store import ImageStore
    from segment.web.worker_pool import WorkerPool

    n_workers = options.workers or min(4, count_cores())
    if not can_start_threads(TASKS_OF_WORKER * n_workers + count_cores()):
        raise SettingsError(
            f"workers (--workers): so many processes cannot be started; got {n_workers}. Lower it, or raise the limit "
            "(ulimit -u or -v)."
        )
    token = options.token or secrets.token_urlsafe(18)
    listener = _listen(options)
    store = ImageStore()
    pool = WorkerPool(n_workers=n_workers, max_waiting=options.max_waiting, timeout=options.timeout)
    try:
        n_images, unread = _add_source(store, source)
        name = printable_path(source.resolve().name) if source else ""
        api = Api(store, pool, config, max_bytes=options.max_upload * 10**6, folder=name)
        app = build_app(api, token=token, host=options.host)
        address = _format_address(options.host, listener.getsockname()[1], token)
        _make_server(app, pool, lambda: on_ready(address, n_images, unread)).run(sockets=[listener])
    finally:
        pool.close()
        store.close()
        listener.close()


def _make_server(app: Any, pool: WorkerPool, on_ready: Callable[[], None]) -> uvicorn.Server:
    """Make a server that ends at once: its workers are killed, so that nobody waits for them."""
    import uvicorn

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: Any) -> None:
            # It ends already: a second Ctrl-C would break off how it ends, with a traceback.
            if not self.should_exit:
                pool.kill()
                super().handle_exit(sig, frame)

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            on_ready()

    return Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            limit_concurrency=MAX_CONNECTIONS,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=1,
        )
    )


def _listen(options: ServerOptions) -> socket.socket:
    """Open the socket that the server listens on."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            options.host, options.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
        except OSError:
            listener.close()
            raise
    except (OSError, UnicodeError) as error:
        reason = describe_os_error(error)
        raise SettingsError(
            f"host and port (--host, --port): an address that is free; got {options.host}:{options.port}: {reason}. "
            "Give another port, or none for any."
        ) from error
    return listener


def _add_source(store: ImageStore, source: Path | None) -> tuple[int, list[str]]:
    """Add an image, or those of a folder, to the store; return how many, and which of the folder are not read."""
    unread: list[str] = []
    if source is None:
        return 0, unread
    if source.is_dir():
        from segment.runs.batch.folder_search import describe_unread_images, find_images

        found = find_images(source)
        images, unread = found.images, describe_unread_images(found.unread)
    elif source.is_file():
        images = [source]
    else:
        raise SettingsError(f"{printable_path(source)}: an image or a folder of images; found neither. Check the path.")
    for image in images:
        store.add_file(image)
    return len(images), unread


def _format_address(host: str, port: int, token: str) -> str:
    """Write the address of the page."""
    # A wildcard is no address to open: this machine is.
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{name}:{port}/?token={token}"
