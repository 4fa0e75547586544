"""The errors a user can meet, their exit codes, and helpers that word their messages."""

from __future__ import annotations

import errno
import os

__all__ = [
    "MAX_REASON",
    "ClusterError",
    "DependencyError",
    "ImageError",
    "ModelError",
    "OutputError",
    "SegmentError",
    "SettingsError",
    "describe_fault",
    "describe_os_error",
    "format_percent",
    "get_write_remedy",
    "lacks_memory",
    "pluralize",
    "printable_path",
]

# Characters that are kept of a message of the system or of another library.
MAX_REASON = 120


class SegmentError(Exception):
    """Base class of all errors that this package raises on purpose.

    Catch it to handle every kind at once. The message is one line of the form ``what: rule; got value. What to do.``;
    where a file is concerned it begins with the path.

    Attributes
    ----------
    exit_code : int
        With what the command line ends: 1, or 2 for wrong usage.

    Examples
    --------
    >>> import segment
    >>> try:
    ...     segment.load_image("no-such-file.png")
    ... except segment.SegmentError as error:
    ...     print(error)
    no-such-file.png: the file cannot be opened; no such file or directory. Check the path and its permissions.
    >>> segment.SegmentError.exit_code
    1
    """

    exit_code = 1


class ImageError(SegmentError):
    """An image cannot be read, or has nothing to segment.

    Raised for a missing, damaged, truncated or unknown file, for an image larger than ``max_pixels``, for an array of
    a shape or type that is no image, and for an image without a valid pixel.

    Examples
    --------
    >>> import segment
    >>> try:
    ...     segment.Image.from_array([1, 2, 3])
    ... except segment.ImageError as error:
    ...     print(error)
    array: an image has the shape (H, W) or (H, W, bands); got (3,). Give one image at a time.
    """


class ModelError(SegmentError):
    """A class model cannot be read, or does not fit the image.

    Raised for a missing or damaged model file, and for an image whose features are not those of the model.

    Examples
    --------
    >>> import segment
    >>> try:
    ...     segment.load_class_model("no-such-model.json")
    ... except segment.ModelError as error:
    ...     print(error)
    no-such-model.json: the model cannot be opened; no such file or directory. Check the path.
    """


class OutputError(SegmentError):
    """A result cannot be written, or would replace an existing file.

    Raised before anything is replaced. No incomplete file stays behind.

    Examples
    --------
    >>> import segment
    >>> from segment.core.atomic_files import refuse_existing
    >>> try:
    ...     refuse_existing("/")
    ... except segment.OutputError as error:
    ...     print(error)
    /: exists already. Replace it (--overwrite), or give another folder.
    """


class ClusterError(SegmentError):
    """The Dask workers cannot be reached, are lost, or have another version of this package.

    Examples
    --------
    >>> import segment
    >>> issubclass(segment.ClusterError, segment.SegmentError), segment.ClusterError.exit_code
    (True, 1)
    """


class DependencyError(SegmentError):
    """A library that is needed cannot be imported; the message says how to install it.

    Examples
    --------
    >>> import segment
    >>> issubclass(segment.DependencyError, segment.SegmentError), segment.DependencyError.exit_code
    (True, 1)
    """


class SettingsError(SegmentError, ValueError):
    """A setting, an argument or a combination of them is not allowed.

    It is a `ValueError` as well, and the command line ends with exit code 2.

    Examples
    --------
    >>> import segment
    >>> try:
    ...     segment.SegmentConfig(k=0)
    ... except ValueError as error:
    ...     print(type(error).__name__, error.exit_code)
    SettingsError 2
    """

    exit_code = 2


def describe_os_error(error: BaseException) -> str:
    """Describe in a few words why the operating system, or the library that asked it, failed.

    Parameters
    ----------
    error : BaseException
        An `OSError`, the `ValueError` of a path that no file system accepts, or the error of a file library: then the
        error that caused it is described, if there is one.

    Returns
    -------
    str
        One line without a period at its end, of at most `MAX_REASON` characters.

    Examples
    --------
    >>> describe_os_error(PermissionError(13, "Permission denied"))
    'permission denied'
    """
    # "File exists" would not say that it is a file where a folder is to be made.
    if isinstance(error, FileExistsError):
        return "a file of that name is in the way"
    # os.fork raises it at the limit of processes. Where a write raises it, it has `characters_written`.
    if isinstance(error, BlockingIOError) and not hasattr(error, "characters_written"):
        return "no more processes can be started: raise the limit (ulimit -u)"
    reason = " ".join(str(getattr(error, "strerror", None) or error.__cause__ or error).split())[:MAX_REASON]
    # Only the capital of a sentence is lowered: names such as TIFF stay.
    return reason[:1].lower() + reason[1:] if reason[1:2].islower() else reason


def get_write_remedy(error: BaseException) -> str:
    """Get what a user can do where a result cannot be written.

    Parameters
    ----------
    error : BaseException
        Why it cannot.

    Returns
    -------
    str
        A sentence.

    Examples
    --------
    >>> get_write_remedy(PermissionError(13, "Permission denied"))
    'Give a folder that may be written.'
    >>> get_write_remedy(OSError(28, "No space left on device"))
    'Make room there, or give another folder.'
    """
    number = getattr(error, "errno", None)
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "Give a folder that may be written."
    if number in (errno.EMFILE, errno.ENFILE):
        return "Raise the limit of open files (ulimit -n)."
    if number == errno.EFBIG:
        return "Raise the limit of the size of files (ulimit -f)."
    if number in (errno.ENOSPC, errno.EDQUOT):
        return "Make room there, or give another folder."
    if number in (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG):
        return "Give another folder."
    return "Check the disk, or give another folder."


def describe_fault(error: BaseException) -> str:
    """Describe an error that nobody foresaw: as a lack of memory, threads or files, or as a fault of this package.

    Parameters
    ----------
    error : BaseException
        Any error that is not a `SegmentError`.

    Returns
    -------
    str
        One line: the type of the error, its message, and how to find out more.

    Examples
    --------
    >>> describe_fault(ZeroDivisionError("division by zero"))
    'ZeroDivisionError: division by zero. This is a fault of segment; --debug shows where.'
    """
    if isinstance(error, MemoryError):
        return "not enough memory. Give --max-size to segment a smaller copy."
    if getattr(error, "errno", None) in (errno.EMFILE, errno.ENFILE):
        return f"too many open files. {get_write_remedy(error)}"
    if lacks_memory(error):
        return "not enough memory to load a library. Raise the limit of memory (ulimit -v)."
    # Python says no more of why, and has no error of its own for it.
    if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        return (
            "no more threads can be started. Raise the limit of processes (ulimit -u) or of memory (ulimit -v), or set "
            "OMP_NUM_THREADS=1."
        )
    detail = " ".join(f"{type(error).__name__}: {error}".split())
    return f"{detail}. This is a fault of segment; --debug shows where."


def lacks_memory(error: BaseException) -> bool:
    """Say whether a module cannot be imported because there is no room for it in memory.

    Examples
    --------
    >>> lacks_memory(ImportError("libopenblas.so: failed to map segment from shared object"))
    True
    """
    # The words of the dynamic linker, which is never translated.
    text = str(error)
    return isinstance(error, ImportError) and ("failed to map segment" in text or "cannot allocate memory" in text)


def pluralize(n: int, noun: str) -> str:
    """Write a number of things in words.

    Parameters
    ----------
    n : int
        How many.
    noun : str
        The thing, in the singular.

    Returns
    -------
    str
        Number and noun.

    Examples
    --------
    >>> pluralize(1, "image"), pluralize(2, "image"), pluralize(3, "class")
    ('1 image', '2 images', '3 classes')
    """
    return f"{n} {noun}" if n == 1 else f"{n} {noun}es" if noun.endswith("s") else f"{n} {noun}s"


def format_percent(part: int, total: int) -> str:
    """Write a share in percent, with two digits.

    Parameters
    ----------
    part, total : int
        Numbers of pixels.

    Examples
    --------
    >>> format_percent(600, 81920), format_percent(3, 3), format_percent(1, 10**7)
    ('0.73 %', '100 %', '1e-05 %')
    """
    percent = 100 * part / max(1, total)
    return f"{percent:.3g} %" if percent >= 10 else f"{percent:.2g} %"


def printable_path(path: str | bytes | os.PathLike[str] | os.PathLike[bytes], *, limit: int = 160) -> str:
    r"""Write a path so that it fits a message: one printable line in any encoding of the terminal.

    Control characters, invisible characters and bytes that are not UTF-8 become escapes such as ``\x1b``.

    Parameters
    ----------
    path : str, bytes or os.PathLike
        Any path; the file need not exist.
    limit : int, characters
        A longer path loses folders from its middle; a longer file name keeps its beginning and its end.

    Returns
    -------
    str
        The path, or what is left of it.

    Examples
    --------
    >>> printable_path("two\nlines.png")
    'two\\nlines.png'
    >>> printable_path(b"caf\xe9.png")
    'caf\\xe9.png'
    """
    text = "".join(_escape_character(character) for character in os.fsdecode(path))
    if len(text) <= limit:
        return text
    # Keep the file name, and as much of the beginning as there is room for.
    name = text.rsplit("/", 1)[-1]
    room = limit - len(name) - 2
    if room >= 0:
        return f"{text[:room]}…/{name}"
    return f"{name[: limit - 41]}…{name[-40:]}"


def _escape_character(character: str) -> str:
    """Return a printable character as it is, any other as an escape."""
    if character.isprintable():
        return character
    # PEP 383: Python keeps a byte that is not UTF-8 as a surrogate, U+DC00 plus the byte.
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")
