"""Which files of a folder are images to segment, and which are images that cannot be read here."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from segment.core.errors import ImageError, describe_os_error, pluralize, printable_path
from segment.loader.file_kind import FileKind, identify_stream
from segment.output.result_mark import has_mark
from segment.runs.batch.manifest_rows import list_recorded_outputs

__all__ = ["FolderImages", "UnreadImage", "describe_unread_images", "find_images"]

# Files with such a name are meant to be images, whatever their content: one that is damaged fails with an error.
SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".tif", ".tiff", ".webp", ".gif", ".bmp", ".dib"}
    | {".ppm", ".pgm", ".pbm", ".pnm", ".pam", ".pfm", ".avif", ".jxl", ".jp2", ".j2k", ".jpf", ".jpx", ".j2c"}
    | {".heic", ".heif", ".hif", ".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".sr2", ".srf", ".raf", ".orf"}
    | {".rw2", ".pef", ".srw", ".x3f", ".mrw", ".3fr", ".iiq", ".erf", ".kdc", ".dcr", ".mos", ".mef"}
)
# The same for kinds that nothing here reads, which first bytes may not tell: their name is enough to report them.
_UNREAD_SUFFIXES = {
    **dict.fromkeys((".psd", ".psb"), "a Photoshop document (PSD)"),
    **dict.fromkeys((".jxr", ".wdp", ".hdp"), "JPEG XR"),
    **dict.fromkeys((".dcm", ".dicom"), "DICOM"),
    **{".exr": "OpenEXR", ".tga": "TGA", ".pcx": "PCX", ".xcf": "a GIMP image (XCF)", ".qoi": "QOI", ".dds": "DDS"},
    **{".czi": "a Zeiss microscope image (CZI)", ".nd2": "a Nikon microscope image (ND2)", ".djvu": "DjVu"},
    **{".lif": "a Leica microscope image (LIF)", ".fits": "FITS", ".kra": "a Krita image (KRA)", ".bpg": "BPG"},
}
# Never opened: texts, documents, films and archives; what belongs to an image beside it, such as its overviews, mask or
# thumbnail; and files that are not complete yet.
_OTHER_SUFFIXES = frozenset(
    {".txt", ".md", ".csv", ".tsv", ".json", ".jsonl", ".geojson", ".xml", ".xmp", ".html", ".htm", ".pdf", ".ini"}
    | {".log", ".py", ".ipynb", ".yaml", ".yml", ".toml", ".npy", ".npz", ".svg", ".zip", ".gz", ".tar", ".db", ".aae"}
    | {".mp4", ".mov", ".avi", ".mkv", ".mp3", ".wav", ".doc", ".docx", ".xls", ".xlsx", ".url", ".lnk", ".exe"}
    | {".ovr", ".msk", ".thm", ".lrv", ".part", ".partial", ".crdownload", ".download", ".filepart", ".tmp"}
)
# Folders in which desktops and file servers keep thumbnails and deleted files.
_JUNK = frozenset({"__MACOSX", "@eaDir", "#recycle", "$RECYCLE.BIN", "System Volume Information"})


@dataclass(frozen=True)
class UnreadImage:
    """An image of a kind that is not read with what is installed.

    Attributes
    ----------
    path : Path
    kind : FileKind
        Says why it is not read, and the remedy.
    """

    path: Path
    kind: FileKind


@dataclass(frozen=True)
class FolderImages:
    """The pictures of a folder, sorted by name.

    Attributes
    ----------
    images : list of Path
        Those to segment.
    unread : list of UnreadImage
        Those of kinds that are not read.
    results : list of Path
        Those that carry the mark of results although no manifest names them: of other commands, or moved here.
    """

    images: list[Path] = field(default_factory=list)
    unread: list[UnreadImage] = field(default_factory=list)
    results: list[Path] = field(default_factory=list)


def find_images(folder: Path, *, recursive: bool = False, leave_out: Path | None = None) -> FolderImages:
    """Find the image files in a folder, by their names or their first bytes.

    Hidden files and folders, what desktops leave behind, the files beside images (texts, overviews, thumbnails), and
    results that a manifest in the folder names are left out. Results that no manifest names are recognized by their
    mark and listed apart.

    Parameters
    ----------
    folder : Path
        Where to look.
    recursive : bool
        Whether to look into its folders too. Symbolic links to folders are not followed.
    leave_out : Path, optional
        A folder not to look into: that of the results.

    Returns
    -------
    FolderImages
        Sorted by name, byte by byte.

    Raises
    ------
    ImageError
        If the folder is not one, cannot be read, or holds no image.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("sea.jpg", "notes.txt", ".hidden.png", "layers.psd"):
    ...         Path(folder, name).touch()
    ...     found = find_images(Path(folder))
    >>> [path.name for path in found.images], [image.path.name for image in found.unread]
    (['sea.jpg'], ['layers.psd'])
    """
    if not os.path.lexists(folder):
        raise ImageError(f"{printable_path(folder)}: there is no such folder. Check the path.")
    if not folder.is_dir():
        raise ImageError(f"{printable_path(folder)}: not a folder. Give single images to 'segment run'.")
    search = _Search(recursive, os.path.realpath(leave_out) if leave_out else "")
    found = FolderImages()
    for path, is_recorded in sorted(search.walk(folder), key=lambda item: os.fsencode(item[0])):
        kind, is_result = _examine(path)
        if kind is not None and not kind.is_readable:
            found.unread.append(UnreadImage(path, kind))
        # A manifest may be somebody else's: what it names is a result only if it has the mark too.
        elif is_result and not is_recorded:
            found.results.append(path)
        # A damaged file with the name of an image fails with an error of its own.
        elif not is_result and (kind is not None or path.suffix.lower() in SUFFIXES):
            found.images.append(path)
    if not found.images and not found.unread:
        but = f", but {pluralize(len(found.results), 'result')} of segment" if found.results else ""
        hint = " Give -r to look into its folders too." if search.passed_folders else " Give another folder."
        raise ImageError(f"{printable_path(folder)}: no image in this folder{but}.{hint}")
    return found


def describe_unread_images(unread: Sequence[UnreadImage]) -> list[str]:
    """Write how many images of which kinds are not read, and what to do: a line for each remedy.

    Examples
    --------
    >>> describe_unread_images([UnreadImage(Path(name), FileKind("FITS")) for name in ("a.fits", "b.fits")])
    ['2 images not read, of a kind that is not supported: 2 FITS. Save them as PNG or TIFF.']
    """
    lines = []
    kinds = sorted((image.kind for image in unread), key=lambda kind: (kind.remedy, kind.name))
    for remedy, group in groupby(kinds, key=lambda kind: kind.remedy):
        names = [kind.name for kind in group]
        parts = ", ".join(f"{names.count(name)} {name.removeprefix('a ')}" for name in dict.fromkeys(names))
        # Kinds that no extra reads have all the same remedy.
        reason = "" if remedy.startswith("Run") else ", of a kind that is not supported"
        cure = remedy if remedy.startswith("Run") else "Save them as PNG or TIFF."
        lines.append(f"{pluralize(len(names), 'image')} not read{reason}: {parts}. {cure}")
    return lines


def _examine(path: Path) -> tuple[FileKind | None, bool]:
    """Tell the kind of a file, None if it is no known image, and whether it has the mark of results."""
    by_name = _UNREAD_SUFFIXES.get(path.suffix.lower())
    kind, is_result = None, False
    # Only regular files are opened: a pipe could block. Each is opened once, because folders may be far away.
    with suppress(OSError, ValueError):
        if stat.S_ISREG(path.stat().st_mode):
            with path.open("rb") as stream:
                kind = identify_stream(stream)
                is_result = kind is not None and has_mark(stream)
    return kind or (FileKind(by_name) if by_name else None), is_result


@dataclass
class _Search:
    """A walk through folders.

    Attributes
    ----------
    recursive : bool
    leave_out : str
        Real path of a folder.
    passed_folders : bool
        Whether folders were found that were not looked into.
    """

    recursive: bool
    leave_out: str
    passed_folders: bool = False

    def walk(self, root: Path) -> Iterator[tuple[Path, bool]]:
        """Find the files that may be images, and whether a manifest on the way names them as results."""
        recorded: set[str] = set()
        # Folders may be nested deeper than functions can be.
        waiting = [(root, os.path.realpath(root))]
        while waiting:
            folder, place = waiting.pop()
            # Manifests first: they name results among the entries of this folder and below it.
            recorded.update(list_recorded_outputs(Path(place)))
            for entry in _list_entries(folder):
                # As str, which is compared: a Path for each of ten thousand files is slow.
                here = os.path.join(place, entry.name)  # noqa: PTH118
                if entry.name.startswith(".") or entry.name in _JUNK:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    if self.recursive and here != self.leave_out:
                        waiting.append((Path(entry.path), here))
                    self.passed_folders |= not self.recursive
                elif os.path.splitext(entry.name)[1].lower() not in _OTHER_SUFFIXES:  # noqa: PTH122
                    path = Path(entry.path)
                    if not path.is_dir():  # a broken link is an image that fails
                        yield path, here in recorded


def _list_entries(folder: Path) -> list[os.DirEntry[str]]:
    """List what is in a folder."""
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        reason = describe_os_error(error)
        raise ImageError(
            f"{printable_path(folder)}: the folder cannot be read; {reason}. Check its permissions."
        ) from error
