"""Save class models to files and load them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from segment.core.atomic_files import write_files
from segment.core.errors import ModelError, OutputError, describe_os_error, printable_path
from segment.segmenter.class_model.class_model import ClassModel

__all__ = ["check_model_path", "load_class_model", "require_class_model", "save_class_model"]

_MAX_BYTES = 2**24  # of a model; 255 classes take a fiftieth of it


def load_class_model(path: str | os.PathLike[str]) -> ClassModel:
    """Load a class model from the file that `segment fit` or :func:`save_class_model` wrote.

    Every field is checked, so a damaged or edited file is refused and never misread.

    Parameters
    ----------
    path : str or path-like
        A regular file of UTF-8 text, of at most 16 MiB.

    Returns
    -------
    ClassModel
        Equal to the one that was saved; its `file` is the path.

    Raises
    ------
    ModelError
        If the file cannot be read or is not such a model. The message is one line that starts with the path.

    See Also
    --------
    save_class_model : Write the file.
    segment.apply_classes : Find the classes in an image.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import segment
    >>> model = segment.fit_classes([np.array([[20, 20, 200, 200]] * 4, np.uint8)], k=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = segment.save_class_model(model, f"{folder}/model.json")
    ...     again = segment.load_class_model(path)
    >>> again == model
    True
    >>> again.names
    ('class 1', 'class 2')
    """
    place = Path(path)
    try:
        status = place.stat()
        # Reading from a pipe or a device might never end.
        if not stat.S_ISREG(status.st_mode):
            raise ModelError(f"{printable_path(path)}: a model is a regular file; got something else. Name a file.")
        if status.st_size > _MAX_BYTES:
            raise ModelError(
                f"{printable_path(path)}: a model has at most {_MAX_BYTES} bytes; got {status.st_size}. "
                "Name a file of 'segment fit'."
            )
        # Some editors put a byte order mark before UTF-8 text.
        text = place.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ModelError(
            f"{printable_path(path)}: a model is JSON text; got other bytes. Name a .json file."
        ) from error
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{printable_path(path)}: the model cannot be opened; {describe_os_error(error)}. Check the path."
        ) from error
    # The messages for a text name the field; those for a file begin with its path.
    try:
        return replace(ClassModel.from_json(text), file=str(place))
    except ModelError as error:
        raise ModelError(f"{printable_path(path)}: {error}") from error


def save_class_model(model: ClassModel, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Save a class model to a JSON file.

    The file is written under a temporary name and then renamed, so there is never half a file.

    Parameters
    ----------
    model : ClassModel
        With at least one class.
    path : str or path-like
        The file, usually ``.json``. Its folder is made if it does not exist.
    overwrite : bool, default False
        Whether an existing file may be replaced.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    OutputError
        If the file exists and `overwrite` is False, or if it cannot be written.
    ModelError
        If the model has no classes.

    See Also
    --------
    load_class_model : Read the file.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import segment
    >>> model = segment.fit_classes([np.array([[20, 20, 200, 200]] * 4, np.uint8)], k=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = segment.save_class_model(model, f"{folder}/model.json")
    ...     text = path.read_text()
    >>> path.name
    'model.json'
    >>> print(text[:50])
    {
     "format": "segment class model",
     "version": 1,
    """
    require_class_model("model", model)
    place = Path(path)
    (written,) = write_files(place.parent, {place.name: model.to_json().encode()}, overwrite=overwrite)
    return written


def check_model_path(path: Path, inputs: Iterable[Path], *, overwrite: bool = False) -> None:
    """Raise an OutputError if a model cannot be saved to a path, before the time for its fit is spent.

    Parameters
    ----------
    path : Path
        The file to save to.
    inputs : iterable of Path
        The images of the fit, none of which the model may replace.
    overwrite : bool
        Whether another existing file may be replaced.
    """
    if not path.name or path.is_dir():
        raise OutputError(f"{printable_path(path)}: is a folder, and a model is one file. Give a file name with -o.")
    if not overwrite and os.path.lexists(path):
        raise OutputError(
            f"{printable_path(path)}: exists already. Replace it (--overwrite), or give another file with -o."
        )
    # With --overwrite, too: an image that was replaced by its model would be lost.
    if any(_is_same_file(path, source) for source in inputs):
        raise OutputError(
            f"{printable_path(path)}: is an input, and the model would replace it. Give another file with -o."
        )


def require_class_model(name: str, model: object) -> None:
    """Require that an argument is a class model, and not its path or an image.

    Parameters
    ----------
    name : str
        Of the argument.
    model : object
        Its value.

    Raises
    ------
    ModelError
        If it is something else.
    """
    if not isinstance(model, ClassModel):
        raise ModelError(
            f"{name}: a ClassModel; got {type(model).__name__}. "
            "Give the class_model of a result, or load a file with load_class_model."
        )


def _is_same_file(path: Path, other: Path) -> bool:
    """Check whether two paths lead to one existing file."""
    # A path that does not exist, or that no file system accepts, is no other file.
    try:
        return path.samefile(other)
    except (OSError, ValueError):
        return False
