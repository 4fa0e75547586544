"""Every setting: its type, default, range and help, once. The command line and the checks come from here."""

from __future__ import annotations

import difflib
import math
import re
import sys
from dataclasses import Field, dataclass, field, fields
from typing import Any

from segment.errors import SettingsError

__all__ = ["COLOUR", "GROUPS", "SegmentConfig", "Setting", "settings"]

GROUPS = ("Classes", "Loading", "Preprocessing", "Features", "Mixture", "Clean-up", "Output")

COLOUR = "#RRGGBB"  # how a colour is written


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What is known of one setting.

    Attributes
    ----------
    name : str
        Its name in Python.
    group : str
        The stage it belongs to, one of GROUPS.
    help : str
        What it does, with its unit and the effect of raising it.
    default : object
    type : type
        int, float, bool, str, or tuple for several of the choices.
    low, high : float
        The range, both ends included.
    choices : tuple of str
        The allowed values of a str or tuple; empty for numbers, flags and a tuple of colours.
    option : str
        Its name on the command line.
    """

    name: str
    group: str
    help: str
    default: Any
    type: type
    low: float
    high: float
    choices: tuple[str, ...]
    option: str

    def checked(self, value: Any) -> Any:
        """The value in the setting's own type; a SettingsError says what is wrong with it."""
        if hasattr(value, "item") and getattr(value, "ndim", None) == 0:  # a number or flag of NumPy
            value = value.item()
        if self.type is tuple and not self.choices:
            return self._colours(value)
        if self.type is tuple:
            parts = value.split(",") if isinstance(value, str) else value
            several = isinstance(parts, (tuple, list, set, frozenset)) and len(parts) > 0
            if not several or not all(part in self.choices for part in parts):
                raise self._refusal(f"one or more of {', '.join(self.choices)}", value)
            return tuple(choice for choice in self.choices if choice in parts)
        if self.type is str:
            if not isinstance(value, str) or value not in self.choices:
                raise self._refusal(f"one of {', '.join(self.choices)}", value)
            return value
        if self.type is bool:
            if not isinstance(value, bool):
                raise self._refusal("True or False", value)
            return value
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        high = min(self.high, sys.float_info.max)
        if not number or not self.low <= value <= high or (self.type is int and value != int(value)):
            kind = "a whole number" if self.type is int else "a number"
            bound = f"of at least {self.low:g}" if math.isinf(self.high) else f"from {self.low:g} to {self.high:.10g}"
            raise self._refusal(f"{kind} {bound}", value)
        return self.type(value)

    def _colours(self, value: Any) -> tuple[str, ...]:
        """Colours as #rrggbb, in the order given."""
        parts = (value,) if isinstance(value, str) else value
        if not isinstance(parts, (tuple, list)) or not all(isinstance(part, str) for part in parts):
            raise self._refusal(f"colours written {COLOUR}", value)
        for part in parts:
            if not re.fullmatch("#[0-9a-fA-F]{6}", part):
                raise self._refusal(f"colours written {COLOUR}, with six hexadecimal digits", part)
        return tuple(part.lower() for part in parts)

    def _refusal(self, rule: str, value: Any) -> SettingsError:
        return SettingsError(f"{self.name} ({self.option}): {rule}; got {value!r}.")


def _setting(
    default: Any,
    group: str,
    help_: str,
    *,
    low: float = 0,
    high: float = math.inf,
    choices: tuple[str, ...] = (),
    option: str = "",
) -> Any:
    about = {"group": group, "help": help_, "low": low, "high": high, "choices": choices, "option": option}
    return field(default=default, metadata=about)


@dataclass(frozen=True, kw_only=True)
class SegmentConfig:
    """All settings of a run. Values are checked when it is made; see :func:`settings` for each one's range and help.

    Raises
    ------
    SettingsError
        If a value is outside its range or of another type.
    """

    k: int = _setting(4, "Classes", "Number of classes.", low=1, high=255, option="-k")
    seed: int = _setting(0, "Classes", "Seed of all randomness: the same seed gives the same files.", high=2**32 - 1)

    max_pixels: int = _setting(
        200_000_000, "Loading", "Refuse images of more pixels than this, before decoding them.", low=1
    )
    allow_truncated: bool = _setting(
        False, "Loading", "Use what can be read of a truncated file instead of refusing it."
    )

    max_size: int = _setting(
        0, "Preprocessing", "Shrink to this many pixels on the longer side before segmenting; 0 keeps the size."
    )
    greyscale: bool = _setting(False, "Preprocessing", "Convert to greyscale first.")
    denoise: str = _setting(
        "none", "Preprocessing", "Noise filter.", choices=("none", "gaussian", "median", "bilateral")
    )
    denoise_radius: float = _setting(
        0.001,
        "Preprocessing",
        "Radius of the noise filter (sigma for gaussian and bilateral), as a share of the image diagonal.",
        high=0.1,
    )

    features: str = _setting(
        "rgb",
        "Features",
        "Colour coordinates: RGB, CIELAB, HSV with hue as an angle, or intensity alone.",
        choices=("rgb", "lab", "hsv", "intensity"),
    )

    covariance_type: str = _setting(
        "full",
        "Mixture",
        "Shape of the components: any ellipsoids, one ellipsoid for all, axis-parallel ones, or balls.",
        choices=("full", "tied", "diag", "spherical"),
    )
    init: str = _setting(
        "mixed",
        "Mixture",
        "Where the fit starts: colours far from each other (k-means++), random colours, both in turn, or the clusters "
        "of Ward's hierarchy.",
        choices=("mixed", "k-means++", "random", "ward"),
    )
    seed_color: tuple[str, ...] = _setting(
        (),
        "Mixture",
        "Start a class at this colour; may be repeated up to k times. The other classes start far from it.",
    )
    n_init: int = _setting(
        80, "Mixture", "Number of starts, of which the best is kept. More cost little.", low=1, high=1000
    )
    shrinkage: float = _setting(
        1.5,
        "Mixture",
        "Pull of every covariance towards the pooled one, in mean class sizes. 0 is plain maximum likelihood; "
        "more makes the classes more alike in shape.",
        high=1000,
    )
    tails: str = _setting(
        "gaussian",
        "Mixture",
        "Tails of the components; those of Student's t are heavier, so colours far off weigh less.",
        choices=("gaussian", "student"),
    )
    noise: bool = _setting(
        False, "Mixture", "Allow for colours that belong to no class: they do not pull at the classes."
    )
    reject: float = _setting(
        0.0, "Mixture", "Leave this share of the pixels, those of the least likely colours, without a label.", high=1
    )
    tol: float = _setting(
        1e-6, "Mixture", "Stop when an iteration gains less than this in log-likelihood per pixel (nats)."
    )
    tol_step: float = _setting(
        1e-3,
        "Mixture",
        "Do not stop while an iteration moves a parameter by more than this, in standard deviations of the image.",
    )
    max_iter: int = _setting(200, "Mixture", "Most EM iterations.", low=1)

    smooth_radius: float = _setting(
        0.0005,
        "Clean-up",
        "Radius of the opening and closing of each class, as a share of the image diagonal. More smooths borders; "
        "0 leaves them.",
        high=0.1,
    )
    min_region: float = _setting(
        0.0002,
        "Clean-up",
        "Regions smaller than this share of the image are absorbed by their best neighbour. 0 keeps all.",
        high=1,
    )
    max_hole: float = _setting(
        0.0005, "Clean-up", "Holes in a class up to this share of the image are filled. 0 keeps all.", high=1
    )

    save: tuple[str, ...] = _setting(
        ("segmented", "labels"),
        "Output",
        "What to write: the picture side by side with its segments, the label image.",
        choices=("segmented", "labels"),
    )
    overwrite: bool = _setting(False, "Output", "Replace output files that exist.")

    def __post_init__(self) -> None:
        for setting in settings():
            object.__setattr__(self, setting.name, setting.checked(getattr(self, setting.name)))

    @classmethod
    def of(cls, **values: Any) -> SegmentConfig:
        """A configuration with the given values; an unknown name is refused with the nearest known one."""
        known = [setting.name for setting in settings()]
        for name in values:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"Did you mean {near[0]}?" if near else f"Known are {', '.join(known)}."
                raise SettingsError(f"{name}: no such setting. {hint}")
        return cls(**values)


def settings() -> tuple[Setting, ...]:
    """Every setting of SegmentConfig in order."""
    return tuple(_described(item) for item in fields(SegmentConfig))


def _described(item: Field[Any]) -> Setting:
    about = dict(item.metadata)
    about["option"] = about["option"] or "--" + item.name.replace("_", "-")
    return Setting(name=item.name, default=item.default, type=type(item.default), **about)
