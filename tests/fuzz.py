"""Damaged and lying image files, made from a seed: some for every test run, more with ``tests/fuzz.py --minutes N``.

Each file must be read, or refused by an error of this program in one line, within limits of time and memory. One that
fails is saved under the number of its seed: ``fuzz_12345``.
"""

from __future__ import annotations

import argparse
import functools
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import imagecodecs
from encoded_images import GRAY16, NOISE, RGB, encode_tiff, encode_with_pillow
from PIL import Image as PilImage

from segment.core.errors import SegmentError
from segment.loader.loader import load_image

MAX_PIXELS = 1_000_000
CASES_PER_PROCESS = 100
SECONDS_PER_CASE, MEGABYTES = 5, 1500  # of address space, which is more than memory


@functools.cache
def make_sources() -> tuple[bytes, ...]:
    """Encode small pictures in every format that needs no extra."""
    PilImage.init()
    kinds = ("PNG", "JPEG", "GIF", "BMP", "DIB", "PPM", "WEBP", "AVIF")
    pictures = [encode_with_pillow(RGB, kind) for kind in kinds if kind in PilImage.SAVE]
    return (
        *pictures,
        encode_with_pillow(NOISE, "JPEG", progressive=True),
        encode_with_pillow(RGB, "GIF", save_all=True, append_images=[]),
        *(encode_tiff(RGB, compression=kind) for kind in (None, "zlib", "lzw", "jpeg", "png", "jpeg2000", "webp")),
        encode_tiff(RGB, tile=(16, 16), bigtiff=True),
        encode_with_pillow(GRAY16, "TIFF"),
        imagecodecs.jpeg2k_encode(RGB),
        imagecodecs.jpegxl_encode(RGB),
        b"P2 3 2 255 0 50 100 150 200 250",
    )


def make_case(seed: int) -> bytes:
    """Make the file of a seed."""
    rng = random.Random(seed)
    data = bytearray(rng.choice(make_sources()))
    for _ in range(rng.choice((1, 1, 2, 5))):
        at = rng.randrange(len(data))
        size = rng.choice((1, 2, 4))
        match rng.randrange(7):
            case 0:  # cut, perhaps with an end marker behind
                del data[max(at, 8) :]
                data += rng.choice((b"", b"\xff\xd9", b"IEND\xaeB`\x82", b";"))
            case 1:  # zeros to the end
                data[at:] = bytes(len(data) - at)
            case 2:  # numbers of the header: sizes, counts, offsets
                at = rng.randrange(min(200, len(data)))
                data[at : at + size] = rng.choice((b"\xff", b"\0", b"\x7f", b"\x80")) * size
            case 3:
                data[at] ^= 1 << rng.randrange(8)
            case 4:  # a part twice, or many times
                part = data[at : at + rng.randrange(1, 400)]
                data[at:at] = part * rng.choice((1, 1, 50))
            case 5:
                del data[at : at + rng.randrange(1, 100)]
            case 6:  # something else behind the beginning
                data[rng.choice((4, 8, 16)) :] = rng.choice(make_sources())
        if not data:
            break
    return bytes(data) or b"\0"


def judge(path: Path, *, allow_truncated: bool) -> None:
    """Read a file; raise an error unless it is read, or refused in one line that names it."""
    try:
        image = load_image(path, max_pixels=MAX_PIXELS, allow_truncated=allow_truncated)
    except SegmentError as error:
        message = str(error)
        assert message.startswith(str(path)), message
        assert message.isprintable(), message
    else:
        assert image.height * image.width <= MAX_PIXELS
        assert image.valid.shape == (image.height, image.width)


def run_cases(first: int, n: int, folder: Path) -> None:
    """Make and judge the files of some seeds in this process; one that fails is left in the folder."""
    for seed in range(first, first + n):
        path = folder / f"fuzz_{seed}"
        path.write_bytes(make_case(seed))
        judge(path, allow_truncated=seed % 4 == 0)
        path.unlink()


def _run_limited(first: int, n: int, folder: Path) -> None:
    """Judge files one by one with limits of time and memory, which end the process."""
    resource.setrlimit(resource.RLIMIT_AS, (MEGABYTES * 2**20, MEGABYTES * 2**20))
    for seed in range(first, first + n):
        signal.alarm(SECONDS_PER_CASE)
        run_cases(seed, 1, folder)
    signal.alarm(0)


def main() -> int:
    """Judge files until the time is over; return 1 as soon as one fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--seed", type=int, default=1_000_000, help="of the first file")
    parser.add_argument("--only", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        _run_limited(options.seed, options.only, Path.cwd())
        return 0
    end, seed, script = time.monotonic() + 60 * options.minutes, options.seed, Path(__file__).resolve()
    folder = tempfile.mkdtemp(prefix="fuzz-")
    while time.monotonic() < end:
        command = [sys.executable, str(script), "--seed", str(seed), "--only", str(CASES_PER_PROCESS)]
        if code := subprocess.run(command, check=False, cwd=folder).returncode:
            left = ", ".join(path.name for path in Path(folder).iterdir())
            print(f"failed with {code}: {left} in {folder}")
            return 1
        seed += CASES_PER_PROCESS
    print(f"{seed - options.seed} files were read or refused as they should")
    return 0


if __name__ == "__main__":
    sys.exit(main())
