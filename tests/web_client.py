"""A server in a process of its own, and requests to it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from program_runs import MODULE

TOKEN = "a-token-of-tests"


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Server:
    process: subprocess.Popen[str]
    address: str
    folder: Path  # its temporary folder, in which the images are

    @property
    def port(self) -> int:
        return int(urlsplit(self.address).port or 0)

    def call(
        self,
        path: str,
        query: Mapping[str, Any] | list[tuple[str, Any]] = (),
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        method: str = "",
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            given = {"Authorization": f"Bearer {TOKEN}", **(headers or {})}
            connection.request(method or ("GET" if body is None else "POST"), f"{path}?{urlencode(query)}", body, given)
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())

    def add(self, path: Path) -> str:
        answer = self.call("/api/images", {"file": path.name}, path.read_bytes())
        assert answer.status == 201, answer.body
        return str(answer.json["id"])

    def stop(self, number: int = signal.SIGINT) -> tuple[int, str]:
        self.process.send_signal(number)
        _, text = self.process.communicate(timeout=20)
        return self.process.returncode, text


@contextlib.contextmanager
def run_server(folder: Path, *arguments: str) -> Iterator[Server]:
    """Run the server with a temporary folder of its own, until the block ends."""
    temporary = folder / "temporary"
    temporary.mkdir()
    words = ["serve", *arguments, "--no-browser", "--token", TOKEN]
    process = subprocess.Popen(
        [*MODULE, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    assert process.stdout is not None
    try:
        address = process.stdout.readline().strip()
        assert address, process.communicate()[1]
        yield Server(process, address, temporary)
    finally:
        process.kill()
        process.communicate()
