"""``segment serve``."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

import click

from segment.cli.command_help import StagedCommand
from segment.cli.options import DEBUG, add_setting_options, make_config
from segment.cli.parameter_types import NamedPath, NumberOrWord
from segment.cli.terminal import print_message
from segment.core.errors import pluralize

__all__ = ["serve"]


@click.command(
    cls=StagedCommand,
    short_help="Open a page to segment images in.",
    examples=("segment serve", "segment serve photographs -k 5"),
)
@click.argument("source", type=NamedPath(path_type=Path), metavar="[IMAGE|FOLDER]", required=False)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    metavar="ADDRESS",
    help="Address to listen on. Any but this machine's own needs --token.",
)
@click.option(
    "--port", type=NumberOrWord(int), default=0, metavar="0..65535", help="Port; 0 for any free one. [default: 0]"
)
@click.option("--token", default="", metavar="TEXT", help="What the address must hold; a random text by default.")
@click.option("--no-browser", is_flag=True, help="Print the address and open no browser.")
@click.option(
    "--workers",
    type=NumberOrWord(int),
    default=0,
    metavar=">=0",
    help="Requests at a time; 0 for one a core. [default: 0]",
)
@click.option(
    "--max-waiting",
    type=NumberOrWord(int),
    default=16,
    show_default=True,
    metavar=">=0",
    help="Requests that may wait beside these.",
)
@click.option(
    "--max-upload",
    type=NumberOrWord(int),
    default=256,
    show_default=True,
    metavar="MEGABYTES",
    help="Largest file that is taken.",
)
@click.option(
    "--timeout",
    type=NumberOrWord(float),
    default=120.0,
    show_default=True,
    metavar="SECONDS",
    help="Time that a request may take.",
)
@add_setting_options("serve")
@DEBUG
def serve(
    source: Path | None,
    host: str,
    port: int,
    token: str,
    no_browser: bool,
    workers: int,
    max_waiting: int,
    max_upload: int,
    timeout: float,
    debug: bool,  # noqa: ARG001
    **options: Any,
) -> int:
    """Open a page in the browser: see classes, name and merge them, mask what does not count, and export.

    Everything stays on this machine. The settings are those that the page begins with. Ctrl-C ends it.

    Needs an extra: pip install 'gmm-segment[serve]'.
    """
    import webbrowser

    from segment.web.server import ServerOptions, run_server

    config = make_config("serve", options)

    def announce(address: str, n_images: int, unread: list[str]) -> None:
        """Print the address of the page and open it."""
        for line in unread:
            print_message(f"Warning: {line}")
        shown = f" with {pluralize(n_images, 'image')}" if n_images else ""
        print_message(f"The page{shown} is open until Ctrl-C:")
        click.echo(address)
        if sys.stdout is not None:
            sys.stdout.flush()
        if not no_browser:
            # Some browsers come back only when they are closed.
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()

    server = ServerOptions(host, port, token, workers, max_waiting, max_upload, timeout)
    run_server(source, config, server, announce)
    return 0
