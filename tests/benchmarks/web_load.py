"""Load the server of ``segment serve`` with clients at once, and measure answers, times and memory.

Run ``python tests/benchmarks/web_load.py PHOTOGRAPH [--clients 8] [--seconds 60]``.

Each client goes round, with a piece of the photograph of its own: send it, ask for a preview and the result at the size
of the screen, look a pixel up, export labels and table, have the image forgotten. Every answer but the expected one is
an error. Memory is the sum over the server and its workers of their proportional set size (Pss, on Linux), each half
second; it is flat if the last third of the run needs no more than the second one.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from common import describe_machine, format_table
from folders import measure_memory
from PIL import Image as PilImage

TOKEN = "a-token-of-benchmarks"
SIDE = 1000  # of the pieces, in pixels


class Client(threading.Thread):
    """Someone who works with one image after the other until an end."""

    def __init__(self, number: int, port: int, piece: bytes, end: float) -> None:
        super().__init__(daemon=True)
        self.number, self.port, self.piece, self.end = number, port, piece, end
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.errors: list[str] = []

    def run(self) -> None:
        """Go round, with another number of classes each time."""
        try:
            for turn in range(1_000_000):
                if time.monotonic() > self.end:
                    return
                self.go_round(2 + (self.number + turn) % 6)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.errors.append(f"{type(error).__name__}: {error}")

    def go_round(self, k: int) -> None:
        """Send an image, ask for all there is about it, and have it forgotten."""
        image = json.loads(self.call("send", "POST", "images", {"file": "a.jpg"}, self.piece, status=201))["id"]
        query = {"image": image, "k": k, "size": 800}
        self.call("preview", "POST", "segment", {**query, "quick": 1})
        self.call("result", "POST", "segment", query)
        self.call("pixel", "GET", f"images/{image}/pixel", {**query, "x": 9, "y": 9})
        self.call("export", "POST", "segment", {"image": image, "k": k, "save": "labels,classes"})
        self.call("forget", "DELETE", f"images/{image}", {}, status=204)

    def call(
        self, what: str, method: str, path: str, query: dict[str, Any], body: bytes = b"", status: int = 200
    ) -> bytes:
        """Send a request and note its time, or that its answer is not the expected one."""
        begin = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        connection.request(method, f"/api/{path}?{urlencode(query)}", body or None, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        self.seconds[what].append(time.monotonic() - begin)
        if answer.status != status:
            raise ValueError(f"{what}: {answer.status} {content[:200]!r}")
        return content


def main() -> None:
    """Run the load and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("image", type=Path, help="a photograph")
    parser.add_argument("--clients", type=int, default=8, help="[default: %(default)s]")
    parser.add_argument("--seconds", type=float, default=60.0, help="[default: %(default)s]")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "segment", "serve", "--no-browser", "--token", TOKEN]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=folder
        ) as server:
            try:
                assert server.stdout is not None
                port = int(urlsplit(server.stdout.readline().strip()).port or 0)
                end = time.monotonic() + given.seconds
                clients = [
                    Client(number, port, piece, end)
                    for number, piece in enumerate(cut_pieces(given.image, given.clients))
                ]
                memory = watch_memory(server.pid, clients)
            finally:
                server.terminate()
    print(
        f"Measured on {describe_machine()} {given.clients} clients for {given.seconds:g} s, images of "
        f"{SIDE} x {SIDE} pixels.\n"
    )
    print_answers(clients)
    thirds = [max(memory[i * len(memory) // 3 : (i + 1) * len(memory) // 3]) for i in range(3)]
    print(f"\nMemory, most in each third of the run: {', '.join(f'{most:.0f} MB' for most in thirds)}.")
    errors = [error for client in clients for error in client.errors]
    print(f"Errors: {len(errors)}. {' '.join(errors)}")
    sys.exit(bool(errors))


def cut_pieces(photograph: Path, n: int) -> list[bytes]:
    """Cut pieces out of a photograph, from left to right, as JPEG files."""
    pieces = []
    with PilImage.open(photograph) as image:
        for number in range(n):
            left = number * (image.width - SIDE) // max(n - 1, 1)
            top = (image.height - SIDE) // 2
            buffer = io.BytesIO()
            image.convert("RGB").crop((left, top, left + SIDE, top + SIDE)).save(buffer, "JPEG", quality=90)
            pieces.append(buffer.getvalue())
    return pieces


def watch_memory(process: int, clients: list[Client]) -> list[float]:
    """Start the clients, and measure the memory of the server until they have ended."""
    for client in clients:
        client.start()
    memory = []
    while any(client.is_alive() for client in clients):
        memory.append(measure_memory(process))
        time.sleep(0.5)
    return memory


def print_answers(clients: list[Client]) -> None:
    """Print how many answers came, and after how long."""
    seconds: dict[str, list[float]] = defaultdict(list)
    for client in clients:
        for what, times in client.seconds.items():
            seconds[what] += times
    rows = [
        [what, str(len(times)), f"{statistics.median(times):.2f} s", f"{max(times):.2f} s"]
        for what, times in seconds.items()
    ]
    print(format_table(["request", "answers", "median", "slowest"], rows))


if __name__ == "__main__":
    main()
