"""Checks of the paths of a command before any work: what is likely to be meant otherwise is asked about."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from segment.config.products import PRODUCTS
from segment.core.errors import SettingsError, printable_path

__all__ = ["guess_command", "refuse_file_output", "refuse_other_format", "refuse_product_inputs"]

# A folder with one of these endings is likely to be meant as a file.
FILE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".npz", ".json", ".geojson", ".svg", ".csv", ".html", ".webp", ".bmp"}
)


def guess_command(text: str) -> str:
    """Guess which command is meant where a path stands in its place.

    Parameters
    ----------
    text : str
        What was given as a command.

    Returns
    -------
    str
        ``"batch"`` for a folder, ``"run"`` for a file or what looks like its name, empty for anything else.

    Examples
    --------
    >>> guess_command("/"), guess_command("no-such-photo.jpg"), guess_command("rum")
    ('batch', 'run', '')
    """
    path = Path(text)
    if path.is_dir():
        return "batch"
    return "run" if path.suffix or path.exists() else ""


def refuse_product_inputs(inputs: Iterable[Path]) -> None:
    """Refuse a product among the inputs: after a space it is no part of ``--save`` any more.

    Parameters
    ----------
    inputs : iterable of Path
        The images of a command.

    Raises
    ------
    SettingsError
        If one of them is the name of a product, and no file.
    """
    names = {product.name for product in PRODUCTS}
    for path in inputs:
        name = str(path).strip(",")
        if name in names and not path.exists():
            raise SettingsError(
                f"save (--save): one text of products with commas between them, such as overlay,labels; got {name} as "
                "an input, which is no file. Put a comma in place of the space before it."
            )


def refuse_file_output(output: Path, *, can_pipe: bool) -> None:
    """Refuse a folder for results that has the name of a file: it may be meant as one.

    Parameters
    ----------
    output : Path
        The folder of a command.
    can_pipe : bool
        Whether the command can write one picture to stdout.

    Raises
    ------
    SettingsError
        If it ends as a file does and is no folder.
    """
    if output.suffix.lower() in FILE_SUFFIXES and not output.is_dir():
        pipe = f", or -o - > {printable_path(output.name)} for one picture" if can_pipe else ""
        raise SettingsError(
            f"output (-o): a folder, in which files are named after their input; got {printable_path(output)}. Is a "
            f"file meant? Give a folder, such as -o {printable_path(output.stem)}{pipe}."
        )


def refuse_other_format(output: Path) -> None:
    """Refuse a file for a label raster whose name is that of another format.

    Parameters
    ----------
    output : Path
        The file that is to be written as TIFF.

    Raises
    ------
    SettingsError
        If it ends as another kind of file does.

    Examples
    --------
    >>> refuse_other_format(Path("labels.png"))
    Traceback (most recent call last):
        ...
    segment.core.errors.SettingsError: output: the labels of a raster are a TIFF; got labels.png. Name it labels.tif.
    """
    if output.suffix.lower() in FILE_SUFFIXES - {".tif", ".tiff"}:
        name = printable_path(output.with_suffix(".tif"))
        raise SettingsError(f"output: the labels of a raster are a TIFF; got {printable_path(output)}. Name it {name}.")
