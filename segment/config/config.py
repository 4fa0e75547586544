"""Every setting: its type, default, range and help, once. The command line and the checks come from here."""

from __future__ import annotations

import difflib
import math
from dataclasses import Field, dataclass, field, fields
from functools import cache
from typing import Any

from segment.config.conflicts import refuse_conflicts
from segment.config.products import LABEL_FORMATS, PRODUCTS, products_in_words
from segment.config.setting import COLOR, FREE, MERGE, NAMING, Form, Setting, Span, merge_of, naming_of
from segment.core.errors import SettingsError

__all__ = ["GROUPS", "SegmentConfig", "list_settings"]

GROUPS = ("Classes", "Loading", "Preprocessing", "Features", "Mixture", "Space", "Clean-up", "Output")


def _setting(
    default: Any,
    group: str,
    help_: str,
    *,
    low: float = 0,
    high: float = math.inf,
    choices: tuple[str, ...] = (),
    option: str = "",
    form: Form = FREE,
    kind: type | None = None,
) -> Any:
    about = {"group": group, "help": help_, "low": low, "high": high, "choices": choices, "option": option}
    return field(default=default, metadata={**about, "form": form, "type": kind or type(default)})


@dataclass(frozen=True, kw_only=True)
class SegmentConfig:
    """All settings of a run, checked when it is made.

    See :func:`list_settings` for the range and the help of each.

    Raises
    ------
    SettingsError
        If a value is outside its range or of another type.
    """

    k: int | str = _setting(
        4, "Classes", "Number of classes; auto chooses it.", low=1, high=255, choices=("auto",), option="-k"
    )
    k_range: tuple[int, int] = _setting(
        Span(1, 12), "Classes", "Numbers of classes that -k auto chooses from.", low=1, high=255
    )
    criterion: str = _setting(
        "bic",
        "Classes",
        "How -k auto chooses: bic, aic and icl weigh the fit against the parameters, icl also for classes that do not "
        "overlap; entropy combines the components that bic chooses into clear classes; variational begins with the "
        "most and lets surplus ones die out.",
        choices=("bic", "aic", "icl", "entropy", "variational"),
    )
    components_per_class: int = _setting(
        1,
        "Classes",
        "Gaussians that make up a class: k times as many are fitted, and combined to k classes by how much they "
        "overlap.",
        low=1,
        high=16,
    )
    order: str = _setting(
        "lightness",
        "Classes",
        "What the numbers of the classes go by: lightness, 1 being the darkest; area, 1 being the largest in the fit; "
        "hue, from red over green to blue.",
        choices=("lightness", "area", "hue"),
    )
    merge: tuple[str, ...] = _setting(
        (),
        "Classes",
        "Make one of these classes, which may have a name; may be repeated. The numbers are those of a run without it: "
        "the new class has the lowest of them, and those after it move up.",
        form=MERGE,
    )
    name: tuple[str, ...] = _setting(
        (),
        "Classes",
        "What a class is called in tables, legends and models; may be repeated. The numbers are those of a run without "
        "--merge.",
        form=NAMING,
    )
    regions: int | str = _setting(
        0,
        "Classes",
        "Divide the image into so many connected regions instead of classes; auto into those that a person would draw. "
        "0 makes classes.",
        high=10_000,
        choices=("auto",),
    )
    coherence: str = _setting(
        "pixel",
        "Classes",
        "What is given to a class as a whole: each pixel, by its color, or each region that the image divides into.",
        choices=("pixel", "region"),
    )
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
        high=0.02,
    )

    features: str = _setting(
        "rgb",
        "Features",
        "Color coordinates: RGB, CIELAB, HSV with hue as an angle, or intensity alone.",
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
        "Where the fit starts: colors far from each other (k-means++), random colors, both in turn, or the clusters "
        "of Ward's hierarchy.",
        choices=("mixed", "k-means++", "random", "ward"),
    )
    seed_color: tuple[str, ...] = _setting(
        (),
        "Mixture",
        "Start a class at this color; may be repeated up to k times. The other classes start far from it.",
        form=COLOR,
    )
    n_init: int = _setting(
        80, "Mixture", "Number of starts, of which the best is kept. More cost little.", low=1, high=1000
    )
    prior: str = _setting(
        "pooled",
        "Mixture",
        "What classes lean on: pooled, the covariance that clusters have in common, as --shrinkage says; conjugate, "
        "the weak prior of Fraley & Raftery, some ten independent pixels a class.",
        choices=("pooled", "conjugate"),
    )
    shrinkage: float | str = _setting(
        "auto",
        "Mixture",
        "Pull of covariances towards the pooled one, in mean class sizes: 0 is none; auto takes 0.75, 1.5 or 3.",
        high=1000,
        choices=("auto",),
        kind=float,
    )
    tails: str = _setting(
        "gaussian",
        "Mixture",
        "Tails of the components; those of Student's t are heavier, so colors far off weigh less.",
        choices=("gaussian", "student"),
    )
    noise: bool = _setting(
        False, "Mixture", "Allow for colors that belong to no class: they do not pull at the classes."
    )
    reject: float = _setting(
        0.0, "Mixture", "Leave this share of the pixels, those of the least likely colors, without a label.", high=1
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

    spatial: str = _setting(
        "field",
        "Space",
        "What neighbors count for: nothing, or a random field, in which pixels beside each other are likely of one "
        "class.",
        choices=("none", "field"),
    )
    smoothness: float = _setting(
        12.0,
        "Space",
        "How much neighbors count in the field: the log odds (nats) that they give a pixel for their class if they "
        "agree. More makes larger, rounder regions.",
        high=100,
    )

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
        "Regions smaller than this share of the image are absorbed by their best neighbor. 0 keeps all.",
        high=1,
    )
    max_hole: float = _setting(
        0.0005, "Clean-up", "Holes in a class up to this share of the image are filled. 0 keeps all.", high=1
    )

    save: tuple[str, ...] = _setting(
        ("panel", "labels"),
        "Output",
        f"What to write: {products_in_words()}.",
        choices=tuple(product.name for product in PRODUCTS),
    )
    labels_format: str = _setting(
        "png",
        "Output",
        "Format of the label image: a palette PNG; a TIFF, which keeps the georeference; or an NPZ for NumPy, with the "
        "posterior probabilities.",
        choices=LABEL_FORMATS,
    )
    palette: str = _setting(
        "category",
        "Output",
        "Colors of the classes: distinct ones, also for color-blind readers; the mean colors of the classes; or "
        "those of a ramp.",
        choices=("category", "mean", "viridis", "cividis", "grey"),
    )
    overwrite: bool = _setting(False, "Output", "Replace output files that exist.")

    def __post_init__(self) -> None:
        for setting in list_settings():
            object.__setattr__(self, setting.name, setting.checked(getattr(self, setting.name)))
        refuse_conflicts(self, list_settings())

    @property
    def has_field(self) -> bool:
        """Whether neighbors count for anything."""
        return self.spatial == "field" and self.smoothness > 0 and self.coherence == "pixel"

    @property
    def merges(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """Name, empty where there is none, and labels of each merge."""
        return tuple(merge_of(text) for text in self.merge)

    @property
    def namings(self) -> tuple[tuple[int, str], ...]:
        """Label and name of each name."""
        return tuple(naming_of(text) for text in self.name)

    @classmethod
    def of(cls, **values: Any) -> SegmentConfig:
        """A configuration with the given values; an unknown name is refused with the nearest known one."""
        known = [setting.name for setting in list_settings()]
        for name in [name for name in values if name not in known]:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Known are {', '.join(known)}."
            raise SettingsError(f"{name}: no such setting. {hint}")
        return cls(**values)

    @classmethod
    def either(cls, config: SegmentConfig | None, values: dict[str, Any], **defaults: Any) -> SegmentConfig:
        """A whole configuration, or that of single values and some other defaults than usual; both are refused."""
        if config is not None and values:
            got = ", ".join(values)
            raise SettingsError(f"config: give a configuration or single settings, not both; got {got} too.")
        if config is None:
            return cls.of(**{**defaults, **values})
        if not isinstance(config, cls):
            raise SettingsError(f"config: a SegmentConfig; got {type(config).__name__}. Name settings, such as k=4.")
        return config


@cache
def list_settings() -> tuple[Setting, ...]:
    """Every setting of SegmentConfig in order."""
    return tuple(_described(item) for item in fields(SegmentConfig))


def _described(item: Field[Any]) -> Setting:
    option = item.metadata["option"] or "--" + item.name.replace("_", "-")
    return Setting(**{**item.metadata, "name": item.name, "default": item.default, "option": option})
