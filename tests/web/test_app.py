"""The HTTP API, as other programs use it: what it answers, what it refuses, and what it survives."""

from __future__ import annotations

import base64
import http.client
import io
import json
import os
import re
import resource
import shlex
import signal
import socket
import struct
import sys
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pytest
from PIL import Image as PilImage
from program_runs import run_main, write_photograph
from web_client import TOKEN, Server, run_server

pytest.importorskip("uvicorn", reason="the page needs uvicorn: pip install 'gmm-segment[serve]'")

# A fit that takes minutes.
SLOW = {"k": 60, "n_init": 1000, "max_iter": 100_000, "tol": 0, "tol_step": 0, "components_per_class": 4}
PRODUCTS = "labels,geojson,svg,coco,classes,regions,measurements,model,report,config,panel"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served")
    (folder / "in").mkdir()
    write_photograph(str(folder / "in" / "a.png"), side=16)
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    with run_server(
        folder, "in", "--max-pixels", "1000000", "--max-upload", "2", "--workers", "1", "--max-waiting", "0"
    ) as server:
        yield server


@pytest.fixture
def image(server: Server) -> str:
    (found,) = server.call("/api/images").json["images"]
    return str(found["id"])


def test_the_settings_and_the_image_that_it_was_started_with(server: Server, image: str, folder: Path) -> None:
    about = server.call("/api/settings").json
    assert about["limits"] == {"max_bytes": 2_000_000, "max_pixels": 1_000_000}
    assert about["folder"] == "in"
    found = server.call(f"/api/images/{image}").json
    assert (found["name"], found["width"], found["height"], found["bands"]) == ("a.png", 128, 96, ["R", "G", "B"])
    answer = server.call(f"/api/images/{image}/picture", {"size": 64})
    with PilImage.open(io.BytesIO(answer.body)) as picture:
        assert (picture.format, picture.size) == ("JPEG", (64, 48))
    assert answer.headers["content-type"] == "image/jpeg"
    # A small image is enlarged on the screen: its pixels are those of the file.
    answer = server.call(f"/api/images/{image}/picture", {"size": 1280})
    assert answer.headers["content-type"] == "image/png"
    with PilImage.open(io.BytesIO(answer.body)) as picture, PilImage.open(folder / "in" / "a.png") as original:
        np.testing.assert_array_equal(np.asarray(picture), np.asarray(original))


@pytest.mark.parametrize("name", ["日本.png", "Ünï cødé.png", "a b+c%d.png"])
def test_names_of_all_alphabets(server: Server, folder: Path, name: str) -> None:
    content = (folder / "in" / "a.png").read_bytes()
    for query, headers in (({}, {}), ({"token": TOKEN}, {"Authorization": ""})):
        found = server.call("/api/images", {"file": name, **query}, content, headers).json
        assert found["name"] == name
        server.call(f"/api/images/{found['id']}", method="DELETE")


def test_a_dark_image_is_shown_stretched_and_says_so(server: Server, folder: Path) -> None:
    dark = np.linspace(10, 30, 60 * 80).reshape(60, 80).astype(np.uint8)
    PilImage.fromarray(dark).save(folder / "dark.png")
    sent = server.add(folder / "dark.png")
    assert "its display is stretched" in server.call(f"/api/images/{sent}").json["notes"][-1]
    with PilImage.open(io.BytesIO(server.call(f"/api/images/{sent}/picture", {"size": 80}).body)) as picture:
        assert np.ptp(np.asarray(picture.convert("L"))) > 240
    server.call(f"/api/images/{sent}", method="DELETE")


def test_logarithms_are_shown(server: Server, folder: Path) -> None:
    powers = np.repeat(np.uint16([1, 10, 100, 1000]), 20) * np.ones((20, 1), np.uint16)
    PilImage.fromarray(powers).save(folder / "powers.png")
    sent = server.add(folder / "powers.png")
    for query, steps in (({}, [2, 23, 222]), ({"log_scale": True}, [53, 53, 53])):
        with PilImage.open(
            io.BytesIO(server.call(f"/api/images/{sent}/picture", {"size": 80, **query}).body)
        ) as picture:
            np.testing.assert_allclose(
                np.diff(np.asarray(picture.convert("L"))[5, 10::20].astype(float)), steps, atol=3
            )
    server.call(f"/api/images/{sent}", method="DELETE")


def test_json_of_a_body(server: Server, folder: Path) -> None:
    answer = server.call("/api/segment", {"k": 3, "n_init": 2, "size": 64}, (folder / "in" / "a.png").read_bytes())
    found = answer.json
    assert answer.status == 200
    assert (found["k"], found["shown"], found["width"]) == (3, [64, 48], 128)
    assert sum(row["share"] for row in found["classes"]) == pytest.approx(1)
    assert len(found["histograms"]) == 3
    assert len(found["histograms"][0]["curves"]) == 3
    with PilImage.open(io.BytesIO(base64.b64decode(found["labels_png"]))) as labels:
        assert labels.mode == "P"
        values = np.asarray(labels)
    assert set(np.unique(values)) <= {1, 2, 3}
    # Without a size the labels are those of the whole image, and so are the areas.
    whole = server.call("/api/segment", {"image": found["image"], "k": 3, "n_init": 2}, b"").json
    assert whole["is_sampled"] is False
    assert sum(row["pixels"] for row in whole["classes"]) == 128 * 96
    # So they are at a size that the image does not exceed.
    assert found["is_sampled"] is True
    full = server.call("/api/segment", {"image": found["image"], "k": 3, "n_init": 2, "size": 200}, b"").json
    assert full["is_sampled"] is False
    assert full["classes"] == whole["classes"]


def test_regions_have_the_colors_of_their_files(server: Server, image: str) -> None:
    query = {"image": image, "regions": 4}
    colors = server.call("/api/segment", query, b"").json["colors"]
    svg = server.call("/api/segment", {**query, "save": "svg"}, b"").body.decode()
    assert colors == re.findall('fill="(#[0-9a-f]{6})"', svg)


@pytest.mark.parametrize(
    "settings",
    [
        [("k", "3"), ("n_init", "2"), ("name", "1=dark"), ("merge", "both=2,3"), ("palette", "1=#112233,2=#aabbcc")],
        [("k", "2"), ("n_init", "2"), ("labels_format", "tif"), ("drop_class", "1"), ("max_size", "60")],
    ],
)
def test_what_is_exported_is_what_the_command_writes(
    server: Server,
    image: str,
    folder: Path,
    tmp_path: Path,
    settings: list[tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(folder / "in")
    query = [("image", image), *settings, ("save", PRODUCTS)]
    answer = server.call("/api/segment", query, b"")
    assert answer.status == 200, answer.body
    command = server.call("/api/command", query).json
    words = shlex.split(command["command"])
    assert words[:3] == ["segment", "run", "a.png"]
    (tmp_path / "a_config.toml").write_text(command["config"])
    # One with the words of the command, the other with the file of settings.
    by_file = ["run", "a.png", "--config", str(tmp_path / "a_config.toml")]
    arguments = by_file if "merge" in dict(settings) else words[1:]
    output = tmp_path / "out"
    assert run_main(*arguments, "-o", str(output)) == 0
    with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
        assert set(archive.namelist()) == {path.name for path in output.iterdir()}
        for name in archive.namelist():
            made, written = archive.read(name), (output / name).read_bytes()
            if name.endswith(".html"):  # it tells how long each stage took
                made, written = (re.sub(rb">\d+\.\d{3}<", b"><", text) for text in (made, written))
            assert made == written, name


def test_one_product_is_a_file(server: Server, image: str) -> None:
    answer = server.call("/api/segment", {"image": image, "k": 2, "n_init": 2, "save": "labels"}, b"")
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''a_labels.png"
    with PilImage.open(io.BytesIO(answer.body)) as labels:
        assert labels.size == (128, 96)


def test_masks_regions_of_interest_and_pixels(server: Server, image: str, folder: Path, tmp_path: Path) -> None:
    pgm = b"P5 4 2 255\n" + bytes([0, 0, 255, 255] * 2)
    ids = {}
    for kind in ("mask", "roi"):
        answer = server.call(f"/api/images/{image}/{kind}", {}, pgm)
        assert answer.status == 201
        ids[f"{kind}_id"] = answer.json["id"]
    query = {"image": image, "k": 2, "n_init": 2, **ids}
    found = server.call("/api/segment", {**query, "size": 64}, b"").json
    with PilImage.open(io.BytesIO(base64.b64decode(found["labels_png"]))) as labels:
        values = np.asarray(labels)
    assert not values[:, :32].any()
    assert values[:, 32:].all()
    pixel = server.call(f"/api/images/{image}/pixel", {**query, "size": 64, "x": 120, "y": 9}).json
    assert pixel["label"] == values[9 * 48 // 96, 120 * 64 // 128]
    assert sum(pixel["posteriors"]) == pytest.approx(1, abs=1e-4)
    with PilImage.open(folder / "in" / "a.png") as picture:
        assert pixel["values"] == list(picture.getpixel((120, 9)))
    # The files of both go with the results, under the names in the command.
    archive = zipfile.ZipFile(io.BytesIO(server.call("/api/segment", {**query, "save": "labels,classes"}, b"").body))
    assert {*ids.values()} < set(archive.namelist())
    assert ids["mask_id"] in server.call("/api/command", query).json["command"]
    alone = server.call(f"/api/images/{image}/files/{ids['mask_id']}")
    assert alone.body == archive.read(ids["mask_id"])
    for wrong in ("a.png", "../x", "m.png"):
        assert server.call("/api/segment", {"image": image, "mask_id": wrong}, b"").status == 422


def test_what_is_drawn_on_a_part_lies_there_in_the_image(server: Server, image: str) -> None:
    part = {"crop": "40,10,80,50"}
    pgm = b"P5 4 1 255\n" + bytes([0, 255, 255, 0])
    for kind in ("mask", "roi"):
        name = server.call(f"/api/images/{image}/{kind}", part, pgm).json["id"]
        query = {"image": image, "k": 2, "n_init": 2, **part, f"{kind}_id": name}
        found = server.call("/api/segment", {**query, "size": 64}, b"").json
        with PilImage.open(io.BytesIO(base64.b64decode(found["labels_png"]))) as labels:
            np.testing.assert_array_equal(np.asarray(labels) > 0, np.tile(np.arange(40) // 10 % 3 > 0, (40, 1)))
        # The file is of the whole image, as the command takes it.
        with PilImage.open(io.BytesIO(server.call(f"/api/images/{image}/files/{name}").body)) as drawn:
            assert drawn.size == (128, 96)
            assert drawn.getbbox() == (50, 10, 70, 50)


def test_classes_of_one_image_in_another(server: Server, image: str, folder: Path) -> None:
    model = server.call("/api/segment", {"image": image, "k": 3, "n_init": 2, "save": "model"}, b"")
    added = server.call("/api/models", {"file": "model.json"}, model.body).json["id"]
    answer = server.call("/api/segment", {"image": image, "model": added, "size": 64}, b"")
    assert (answer.status, answer.json["k"]) == (200, 3)
    assert answer.json["command"].startswith("segment apply model.json a.png")
    refused = server.call("/api/segment", {"image": image, "model": added, "k": 5}, b"")
    assert (refused.status, refused.json["error"].split(";")[0]) == (400, "k (-k): not used by segment apply")


def make_bomb(width: int, height: int) -> bytes:
    """A PNG of so many pixels whose data, all zeros, are a few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(1_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("path", "query", "body", "status", "message"),
    [
        ("/api/segment", {"kk": 3}, b"P2 1 1 255 7", 400, "kk: no such setting. Did you mean k?"),
        (
            "/api/segment",
            {"image": "../.."},
            b"",
            422,
            "image or model: one that the server keeps; got ../... Send it again.",
        ),
        ("/api/segment", {}, b"", 422, "body: an image file; got nothing."),
        ("/api/segment", {}, b"no image", 422, "image: an image is "),
        ("/api/segment", {"size": "big"}, b"P2 1 1 255 7", 400, "size: a whole number from 0 to 4096; got 'big'."),
        (
            "/api/segment",
            {"palette": "/etc/passwd"},
            b"P2 1 1 255 7",
            400,
            "palette: no path of a client is opened; got",
        ),
        ("/api/models", {"file": "b.png"}, b"P2 1 1 255 7", 422, "b.png: "),
        ("/api/nothing", {}, b"", 404, "/api/nothing: not found. docs/serve.md"),
        ("/api/settings", {}, b"", 405, "/api/settings: method not allowed. docs/serve.md"),
        # More than a connection holds: who still sends when it is closed never reads the answer.
        ("/api/images", {}, bytes(20_000_000), 413, "body: at most 2000000 bytes are taken; got 20000000."),
        ("/api/images", {"file": "b.png"}, make_bomb(30_000, 30_000), 422, "b.png: at most 1000000 pixels"),
        ("/api/images", {"file": "b.png"}, make_bomb(1_000_000, 2), 422, "b.png: at most 1000000 pixels"),
        ("/api/images", {"max_pixels": 10**9}, make_bomb(2000, 2000), 422, "image: at most 1000000 pixels"),
    ],
)
def test_what_is_refused(
    server: Server, path: str, query: dict[str, str], body: bytes, status: int, message: str
) -> None:
    answer = server.call(path, query, body)
    assert answer.status == status
    assert answer.json["error"].startswith(message)
    assert len(list(server.folder.glob("*/*/b.png"))) == 0


def open_connection(server: Server, path: str, length: int, query: dict[str, object] | None = None) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    head = f"POST {path}?{urlencode(query or {})} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
    connection.sendall(f"{head}Authorization: Bearer {TOKEN}\r\nContent-Length: {length}\r\n\r\n".encode())
    return connection


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_an_upload_that_is_cut_leaves_nothing(server: Server) -> None:
    count = lambda: len(list(server.folder.glob("*/*")))  # noqa: E731
    before = count()
    with open_connection(server, "/api/images", 1000) as connection:
        connection.sendall(bytes(300))
        wait_until(lambda: count() == before + 1)
    wait_until(lambda: count() == before)


def test_a_client_that_is_gone_frees_its_worker(server: Server, image: str) -> None:
    status = lambda: server.call(f"/api/images/{image}").status  # noqa: E731
    with open_connection(server, "/api/segment", 0, {**SLOW, "image": image}):
        wait_until(lambda: status() == 503)
    wait_until(lambda: status() == 200)


def find_workers(server: Server) -> list[int]:
    lists = Path(f"/proc/{server.process.pid}/task").glob("*/children")
    return [int(number) for path in lists for number in path.read_text().split()]


@pytest.mark.skipif(sys.platform != "linux", reason="children of a process are found in /proc")
def test_a_killed_worker_is_told_of_and_replaced(server: Server, image: str) -> None:
    (worker,) = find_workers(server)
    with open_connection(server, "/api/segment", 0, {**SLOW, "image": image}) as connection:
        wait_until(lambda: server.call(f"/api/images/{image}").status == 503)
        os.kill(worker, signal.SIGKILL)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        text = json.loads(answer.read())["error"]
    assert answer.status == 500
    assert text.startswith("the request: ended its worker process, perhaps for want of memory.")
    assert server.call("/api/segment", {"image": image, "k": 2, "n_init": 2}, b"").status == 200
    assert find_workers(server) != [worker]


@pytest.mark.skipif(sys.platform != "linux", reason="another process is given a limit by prlimit")
def test_a_full_disk_is_told_of_and_leaves_nothing(server: Server, folder: Path) -> None:
    everything = lambda: sorted(server.folder.rglob("*"))  # noqa: E731
    content = (folder / "in" / "a.png").read_bytes()
    before = everything()
    # No file may have more bytes: writing fails in the middle, as on a full disk.
    limits = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (500, limits[1]))
    try:
        answer = server.call("/api/segment", {}, content)
    finally:
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, limits)
    assert answer.status == 507
    assert re.match("body: cannot be kept; .*Free some space in the temporary folder", answer.json["error"])
    assert everything() == before
    assert server.call(f"/api/images/{server.add(folder / 'in' / 'a.png')}", method="DELETE").status == 204


def test_nothing_is_told_without_the_token(server: Server) -> None:
    for path in ("/", "/api/settings", "/api/images", "/api/nothing"):
        assert server.call(path, headers={"Authorization": ""}).status == 401
    assert server.call("/static/../app.py").status == 404
    assert server.call("/static/app.js", headers={"Authorization": ""}).status == 200


def is_listening(server: Server) -> bool:
    try:
        server.call("/")
    except ConnectionError:
        return False
    return True


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_at_once_and_leaves_nothing(tmp_path: Path, number: int, code: int) -> None:
    write_photograph(str(tmp_path / "a.png"), side=16)
    with run_server(tmp_path, "a.png", "--workers", "1", "--max-waiting", "0") as server:
        (image,) = server.call("/api/images").json["images"]
        with open_connection(server, "/api/segment", 0, {**SLOW, "image": image["id"]}):
            # While its worker is busy and nobody may wait, others are told to come again.
            wait_until(lambda: server.call(f"/api/images/{image['id']}").status == 503)
            answer = server.call(f"/api/images/{image['id']}")
            assert (answer.status, answer.headers["retry-after"]) == (503, "2")
            begin = time.monotonic()
            server.process.send_signal(number)
            # It ends, and is told so once more by one who cannot wait.
            wait_until(lambda: not is_listening(server))
            found, text = server.stop(number)
        assert time.monotonic() - begin < 30
        assert found == code
        assert text.split() == ["The", "page", "with", "1", "image", "is", "open", "until", "Ctrl-C:", "Interrupted."]
        assert not list(server.folder.iterdir())


def test_json_is_what_every_error_is(server: Server) -> None:
    assert json.loads(server.call("/api/segment", {"k": 0}, b"P2 1 1 255 7").body)["error"].startswith("k (-k): ")
