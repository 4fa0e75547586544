"""The command and the file of settings that make what the page shows."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from segment.config.command_words import list_options
from segment.config.config import SegmentConfig
from segment.config.config_file import format_config
from segment.config.entry_points import ENTRY_POINTS

__all__ = ["describe_command"]


def describe_command(name: str, config: SegmentConfig, model: str = "") -> dict[str, Any]:
    """Write the command that makes the same.

    Parameters
    ----------
    name : str
        Name of the image.
    config : SegmentConfig
    model : str
        Name of a file of classes that are found in the image; empty for classes of its own.

    Returns
    -------
    dict of str to str
        ``command``, ``batch`` for a whole folder, and ``config``, the text of a file of settings.
    """
    # A name that begins with a dash would be taken for an option.
    source = f"./{name}" if name.startswith("-") else name
    command = "apply" if model else "run"
    words = ["segment", command, *([model] if model else []), source]
    options = list_options(config, ENTRY_POINTS[command], with_k=not model and config.regions == 0)
    folder = ["segment", "batch", "FOLDER", *(["--model", model] if model else [])]
    return {
        "command": shlex.join([*words, *options]),
        "batch": shlex.join([*folder, "--config", f"{Path(name).stem}_config.toml"]),
        "config": format_config(config),
    }
