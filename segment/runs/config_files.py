"""Files of settings: read for ``--config``, written for ``--save config``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from segment.config.config import SegmentConfig
from segment.config.config_file import format_config, parse_config
from segment.config.products import plan_files
from segment.core.atomic_files import write_files
from segment.core.errors import SettingsError, describe_os_error, printable_path

__all__ = ["load_config_file", "write_config_file"]

MAX_BYTES = 2**20  # a larger file is something else


def load_config_file(path: Path) -> dict[str, Any]:
    """Read the settings of a TOML file.

    Parameters
    ----------
    path : Path

    Returns
    -------
    dict of str to value
        Checked settings by their names.

    Raises
    ------
    SettingsError
        If the file cannot be read, a setting is unknown or a value is not allowed; the message begins with the path.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise SettingsError(f"a file of settings has at most {MAX_BYTES} bytes; got more. Is another file meant?")
        return parse_config(content.decode("utf-8-sig"))
    except (OSError, ValueError) as error:
        if isinstance(error, SettingsError):
            raise SettingsError(f"{printable_path(path)}: {error}") from error
        is_text = isinstance(error, UnicodeDecodeError)
        reason = "it is no text in UTF-8" if is_text else describe_os_error(error)
        raise SettingsError(
            f"{printable_path(path)}: the settings (--config) cannot be read; {reason}. Check the path."
        ) from error


def write_config_file(config: SegmentConfig, folder: Path, stem: str) -> tuple[Path, ...]:
    """Write the settings of a run as a TOML file, if they are among its products.

    Parameters
    ----------
    config : SegmentConfig
        Nothing is written unless its `save` has ``config``. Existing files are replaced if its `overwrite` is set.
    folder : Path
        Made if it does not exist.
    stem : str
        Beginning of the file name.

    Returns
    -------
    tuple of Path
        The written file, or none.

    Raises
    ------
    OutputError
        If the file exists or cannot be written.
    """
    if "config" not in config.save:
        return ()
    (file,) = plan_files(stem, ("config",), picture=".png", n_classes=0)
    content = {file.name: format_config(config).encode()}
    return tuple(write_files(folder, content, overwrite=config.overwrite))
