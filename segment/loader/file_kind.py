"""Tell by the first bytes of a file which kind of image it is, and whether it can be read here. Names do not matter."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

from segment.loader.tiff_directories import identify_raw

__all__ = [
    "HEAD_BYTES",
    "READABLE_FORMATS",
    "TIFF_HEADS",
    "FileKind",
    "describe_content",
    "identify_file",
    "identify_stream",
]

READABLE_FORMATS = "JPEG, PNG, TIFF, WebP, GIF, BMP, PPM, AVIF, JPEG XL, JPEG 2000, HEIC or camera RAW"

# So many bytes from the beginning of a file tell its kind, except for a camera RAW that is a TIFF.
HEAD_BYTES = 512

# Library and extra of this package that read a kind which is not read by what is always installed.
_EXTRAS = {"heic": ("pillow_heif", "pillow-heif", "heif"), "camera_raw": ("rawpy", "rawpy", "raw")}


@dataclass(frozen=True)
class FileKind:
    """A kind of image file.

    Attributes
    ----------
    name : str
        What people call it, such as "HEIC".
    decoder : tuple of str
        Module in ``segment.loader.decoders`` that reads it, and its function; empty if nothing here can.
    raster : bool
        Whether ``segment raster`` reads it.
    """

    name: str
    decoder: tuple[str, str] = ("", "")
    raster: bool = False

    @property
    def is_readable(self) -> bool:
        """Whether `load_image` reads files of this kind with what is installed."""
        return bool(self.decoder[0]) and self._missing_library is None

    @property
    def obstacle(self) -> str:
        """Why files of this kind are not read, without a period at its end; empty if they are."""
        if self.is_readable:
            return ""
        if self._missing_library is None:
            return f"an image is {READABLE_FORMATS}; got {self.name}"
        return f"{self.name} is read with the library {self._missing_library[1]}; it is not installed"

    @property
    def remedy(self) -> str:
        """What a user can do, as a sentence; empty if files of this kind are read."""
        if self.is_readable:
            return ""
        if self._missing_library is None:
            return (
                "Give it to 'segment raster'; it takes a saved model too." if self.raster else "Save it as PNG or TIFF."
            )
        return f"Run: pip install 'gmm-segment[{self._missing_library[2]}]'."

    @property
    def _missing_library(self) -> tuple[str, str, str] | None:
        """Module, library and extra that this kind needs and that are not installed."""
        needed = _EXTRAS.get(self.decoder[0])
        return needed if needed and find_spec(needed[0]) is None else None


_JPEG_2000 = FileKind("JPEG 2000", ("jpeg_2000", "decode_jpeg_2000"))
_JPEG_XL = FileKind("JPEG XL", ("jpeg_xl", "decode_jpeg_xl"))
_AVIF = FileKind("AVIF", ("avif", "decode_avif"))
_HEIC = FileKind("HEIC", ("heic", "decode_heic"))
_NETPBM = FileKind("PPM", ("netpbm", "decode_netpbm"))
_BMP = FileKind("BMP", ("pillow", "decode_bmp"))
_TIFF = FileKind("TIFF", ("tiff", "decode_tiff"))


def _make_raw(name: str) -> FileKind:
    """Make the kind of the RAW files that a camera writes."""
    return FileKind(name if " " in name else f"camera RAW ({name})", ("camera_raw", "decode_camera_raw"))


# First bytes, and the kind that they belong to. Longer beginnings stand before shorter ones.
_SIGNATURES: tuple[tuple[bytes, FileKind], ...] = (
    (b"\xff\xd8\xff", FileKind("JPEG", ("pillow", "decode_jpeg"))),
    (b"\x89PNG\r\n\x1a\n", FileKind("PNG", ("pillow", "decode_png"))),
    (b"GIF87a", FileKind("GIF", ("pillow", "decode_gif"))),
    (b"GIF89a", FileKind("GIF", ("pillow", "decode_gif"))),
    (b"\0\0\0\x0cjP  \r\n\x87\n", _JPEG_2000),
    (b"\xffO\xffQ", _JPEG_2000),
    (b"\0\0\0\x0cJXL \r\n\x87\n", _JPEG_XL),
    (b"\xff\n", _JPEG_XL),
    (b"FUJIFILMCCD-RAW", _make_raw("RAF")),
    (b"II\x1a\0\0\0HEAPCCDR", _make_raw("CRW")),
    (b"IIRO", _make_raw("ORF")),
    (b"IIRS", _make_raw("ORF")),
    (b"MMOR", _make_raw("ORF")),
    (b"IIU\0", _make_raw("RW2")),
    (b"FOVb", _make_raw("X3F")),
    (b"\0MRM", _make_raw("MRW")),
    (b"EHFA_HEADER_TAG", FileKind("an HFA raster (.img)", raster=True)),
    (b"8BPS", FileKind("a Photoshop document (PSD)")),
    (b"v/1\1", FileKind("OpenEXR")),
    (b"#?RADIANCE", FileKind("Radiance HDR")),
    (b"#?RGBE", FileKind("Radiance HDR")),
    (b"SIMPLE  =", FileKind("FITS")),
    (b"II\xbc", FileKind("JPEG XR")),
    (b"icns", FileKind("an icon (ICNS)")),
    (b"qoif", FileKind("QOI")),
    (b"DDS ", FileKind("DDS")),
    (b"BPG\xfb", FileKind("BPG")),
    (b"FLIF", FileKind("FLIF")),
    (b"gimp xcf", FileKind("a GIMP image (XCF)")),
    (b"AT&TFORM", FileKind("DjVu")),
    (b"ZISRAWFILE", FileKind("a Zeiss microscope image (CZI)")),
    (b"\xda\xce\xbe\n", FileKind("a Nikon microscope image (ND2)")),
)
_DIB_LENGTHS = frozenset(bytes((size, 0, 0, 0)) for size in (12, 40, 52, 56, 64, 108, 124))
# The same where more than first bytes decides.
_RULES: tuple[tuple[Callable[[bytes], object], FileKind], ...] = (
    (lambda head: head[:4] == b"RIFF" and head[8:12] == b"WEBP", FileKind("WebP", ("pillow", "decode_webp"))),
    # A text may begin with P1 as well: in an image a number follows, or a comment.
    (re.compile(rb"P[1-6]\s*(#|\d)|P7\s|P[fF]\s+[\d#]").match, _NETPBM),
    # The header of a BMP gives its own length at byte 14.
    (lambda head: head[:2] == b"BM" and (len(head) < 18 or head[14:18] in _DIB_LENGTHS), _BMP),
    # A header without BM gives its own length first; after the size, of 2 + 2 bytes or 4 + 4, it has one plane.
    (
        lambda head: head[:4] in _DIB_LENGTHS and head[8 if head[0] == 12 else 12 :][:2] == b"\1\0",
        FileKind("BMP", ("pillow", "decode_dib")),
    ),
    # The number of pictures follows.
    (lambda head: head[:4] == b"\0\0\1\0" and head[4:6] > b"\0\0", FileKind("an icon (ICO)")),
    (lambda head: head[128:132] == b"DICM", FileKind("DICOM")),
    (re.compile(rb"\s*(<\?xml[^>]*>\s*)?<VRTDataset").match, FileKind("a virtual raster (VRT)", raster=True)),
)
# Files that are no images: their usual names and the remedies, for messages alone.
_SAVE_FRAMES = "Save its frames as PNG, for example with ffmpeg -i FILM frame%04d.png."
_SAVE_ARRAY = "Save it as TIFF, or in Python give the array to segment.segment_image."
_SAVE_POLYGONS = "Save polygons for --roi as GeoJSON, for example with ogr2ogr polygons.geojson FILE."
_CONTENTS: tuple[tuple[re.Pattern[bytes], str, str], ...] = (
    (re.compile(rb"%PDF"), "a PDF document", "Save a page of it as PNG."),
    (re.compile(rb"\s*<(!doctype )?html", re.IGNORECASE), "a web page (HTML)", "Download the image itself."),
    (re.compile(rb"\s*<svg\b|\s*<[?!].*?<svg\b", re.DOTALL), "SVG", "Export it as PNG."),
    (re.compile(rb"version https://git-lfs"), "a pointer of Git LFS", "Fetch the image: git lfs pull."),
    (re.compile(rb"....(ftyp|moov)|RIFF....AVI |\x1aE\xdf\xa3", re.DOTALL), "a film", _SAVE_FRAMES),
    (re.compile(rb"\x89HDF\r\n|CDF[\1\2\5]"), "HDF5 or NetCDF", _SAVE_ARRAY),
    (re.compile(rb"\x93NUMPY|PK\x03\x04.{26}[^/]*\.npy", re.DOTALL), "an array of NumPy", _SAVE_ARRAY),
    (re.compile(rb".{344}(n\+1|ni1)\0", re.DOTALL), "NIfTI", _SAVE_ARRAY),
    (re.compile(rb"PK\x03\x04|\x1f\x8b|7z\xbc\xaf|Rar!"), "an archive", "Unpack it."),
    (re.compile(rb"\x00\x00\x27\n"), "a shapefile", _SAVE_POLYGONS),
    (re.compile(rb"SQLite format 3\0"), "a GeoPackage or another database of SQLite", _SAVE_POLYGONS),
    (re.compile(rb"fgb[\x01-\x09]fgb"), "FlatGeobuf", _SAVE_POLYGONS),
    (re.compile(rb"\s*<kml\b|\s*<\?xml[^>]*>\s*<kml\b"), "KML", _SAVE_POLYGONS),
    (re.compile(rb"\n[\x00-\x05]\x01[\x01\x02\x04\x08]"), "PCX", "Save it as PNG or TIFF."),
)
TIFF_HEADS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

# Brands of files of the ISO base media format (ISO/IEC 14496-12), which MP4 films are as well.
_AVIF_BRANDS = {b"avif", b"avis"}
_HEIF_BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"mif2", b"msf1"}


def identify_file(path: Path) -> FileKind | None:
    """Tell the kind of an image file by its content.

    Parameters
    ----------
    path : pathlib.Path
        A regular file. Its name does not matter.

    Returns
    -------
    FileKind or None
        None if this is no image that is known here, or if it cannot be opened.
    """
    try:
        with path.open("rb") as stream:
            return identify_stream(stream)
    except (OSError, ValueError):
        return None


def identify_stream(stream: BinaryIO) -> FileKind | None:
    r"""Tell the kind of an image file that is open.

    Parameters
    ----------
    stream : binary file
        It is read from its beginning, and wherever the pages of a TIFF lie.

    Returns
    -------
    FileKind or None
        None if this is no image that is known here.

    Examples
    --------
    >>> from io import BytesIO
    >>> identify_stream(BytesIO(b"\x89PNG\r\n\x1a\n")).name
    'PNG'
    >>> kind = identify_stream(BytesIO(b"8BPS\0\1"))
    >>> kind.is_readable, kind.remedy
    (False, 'Save it as PNG or TIFF.')
    """
    stream.seek(0)
    head = stream.read(HEAD_BYTES)
    if head.startswith(TIFF_HEADS):
        raw = identify_raw(stream)
        return _make_raw(raw) if raw else _TIFF
    if head[4:8] == b"ftyp":
        return _identify_media(head)
    matches = (kind for signature, kind in _SIGNATURES if head.startswith(signature))
    return next(matches, None) or next((kind for is_met, kind in _RULES if is_met(head)), None)


def describe_content(stream: BinaryIO) -> tuple[str, str]:
    """Describe a file that is no image.

    Parameters
    ----------
    stream : binary file
        It is read from its beginning.

    Returns
    -------
    name, remedy : str
        What people call it, or its first bytes if they tell nothing; and what a user can do, as a sentence.

    Examples
    --------
    >>> from io import BytesIO
    >>> describe_content(BytesIO(b"%PDF-1.7"))
    ('a PDF document', 'Save a page of it as PNG.')
    >>> describe_content(BytesIO(b"hello"))
    ('a file that begins with hello', 'Convert it.')
    """
    stream.seek(0)
    head = stream.read(HEAD_BYTES)
    for pattern, name, remedy in _CONTENTS:
        if pattern.match(head):
            return name, remedy
    begins = "".join(chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}" for byte in head[:8])
    return f"a file that begins with {begins}", "Convert it."


def _identify_media(head: bytes) -> FileKind | None:
    """Tell the kind of a file of the ISO base media format by its brands; None for films."""
    end = min(int.from_bytes(head[:4], "big"), len(head))
    # The main brand, its version, and the brands that the file is compatible with.
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))}
    if b"crx " in brands:
        return _make_raw("CR3")
    if brands & _AVIF_BRANDS:
        return _AVIF
    return _HEIC if brands & _HEIF_BRANDS else None
