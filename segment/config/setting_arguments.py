"""The settings as keyword arguments: editors complete them and type checkers check them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Literal, TypedDict

if TYPE_CHECKING:  # starting the program loads no NumPy
    from numpy.typing import ArrayLike

__all__ = ["SettingArguments"]

# One text, or several; for products also with commas between them.
Texts = str | Sequence[str]


class SettingArguments(TypedDict, total=False):
    """Single settings, as ``segment_image(source, **settings)`` takes them; see :class:`segment.SegmentConfig`.

    The fields of :class:`segment.config.setting_values.SettingValues`, each with all types that its check accepts, and
    the other spellings of some of them.
    """

    k: int | Literal["auto"]
    k_range: tuple[int, int] | str
    criterion: Literal["bic", "aic", "icl", "entropy", "variational"]
    components_per_class: int
    order: Literal["auto", "lightness", "area", "hue"]
    merge: Texts | Mapping[str, Sequence[int]]
    name: Texts | Mapping[int, str] | Mapping[str, str]
    regions: int | Literal["auto"]
    coherence: Literal["pixel", "region"]
    seed: int
    max_pixels: int
    allow_truncated: bool
    keep_profile: bool
    page: int | Literal["all"]
    crop: str | Sequence[int]
    nodata: str | float | Sequence[float]
    mask: str | PathLike[str] | ArrayLike | None
    roi: str | PathLike[str] | ArrayLike | None
    pixel_size: str
    bands: str | int | Sequence[int]
    max_size: int
    greyscale: bool
    even_light: bool
    log_scale: bool
    grayscale: bool
    denoise: Literal["none", "gaussian", "median", "bilateral"]
    denoise_radius: float
    features: Literal["rgb", "lab", "hsv", "intensity"]
    covariance_type: Literal["full", "tied", "diag", "spherical"]
    init: Literal["mixed", "k-means++", "random", "ward"]
    seed_color: Texts
    seed_colour: Texts
    n_init: int
    prior: Literal["pooled", "conjugate"]
    shrinkage: float | Literal["auto"]
    tails: Literal["gaussian", "student"]
    noise: bool
    reject: float
    tol: float
    tol_step: float
    max_iter: int
    spatial: Literal["none", "field"]
    smoothness: float
    clean_up: Literal["evidence", "none"]
    smooth_radius: float | str
    min_region: float | str
    max_hole: float | str
    save: Texts
    labels_format: Literal["png", "tif", "npz"]
    palette: (
        str
        | Literal["category", "mean", "seed", "viridis", "cividis", "grey", "gray"]
        | PathLike[str]
        | Mapping[str | int, str]
        | Sequence[str]
    )
    drop_class: Texts
    geojson_crs: Literal["wgs84", "keep", "pixels"]
    simplify: float
    svg_smooth: bool
    group: Texts | Mapping[str, Sequence[str | int]]
    background: str
    group_distance: str
    overwrite: bool
