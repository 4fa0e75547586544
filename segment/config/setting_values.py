"""Every setting: its type, default, range and help, once. The command line, the checks and the help come from here."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from typing import Literal, get_type_hints

from segment.config.products import PRODUCTS, describe_products
from segment.config.setting import Setting, Span, define_setting, describe_field
from segment.config.sizes import AREA, DISTANCE, LENGTH, PIXEL_SIZE, parse_pixel_size
from segment.config.text_forms import (
    BANDS,
    BOX,
    CLASS,
    COLOR,
    GROUP,
    INTEREST,
    MERGE,
    NAMING,
    NUMBERS,
    PALETTE,
    PATH,
    parse_group,
    parse_merge,
    parse_naming,
    parse_palette,
)

__all__ = ["GROUPS", "SettingValues", "list_settings"]

GROUPS = ("Classes", "Loading", "Preprocessing", "Features", "Mixture", "Space", "Clean-up", "Output")


# SegmentConfig has these methods: to make them for 60 settings takes a millisecond of each start.
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SettingValues:
    """The values of all settings; :class:`segment.SegmentConfig` checks them."""

    # Classes: how many there are, what they are called, and what is divided into them.
    k: int | Literal["auto"] = define_setting(
        4, "Classes", "Number of classes; auto chooses it.", low=1, high=255, option="-k"
    )
    k_range: tuple[int, int] = define_setting(
        Span(1, 12), "Classes", "Numbers of classes that -k auto chooses from.", low=1, high=255
    )
    criterion: Literal["bic", "aic", "icl", "entropy", "variational"] = define_setting(
        "bic",
        "Classes",
        "How -k auto chooses: bic, aic and icl weigh the fit against the number of parameters, icl also against "
        "classes that overlap; entropy combines the components that bic chooses into clear classes; variational "
        "begins with the largest number and removes the classes that are not needed.",
    )
    components_per_class: int = define_setting(
        1,
        "Classes",
        "Gaussians that make up a class: k times as many are fitted, and combined to k classes by how much they "
        "overlap.",
        low=1,
        high=16,
    )
    order: Literal["auto", "lightness", "area", "hue"] = define_setting(
        "auto",
        "Classes",
        "What the classes are numbered by: lightness, 1 being the darkest; area, 1 being the largest in the fit; "
        "hue, from red over green to blue; auto is lightness where classes are fitted, and keeps those of a model.",
    )
    merge: tuple[str, ...] = define_setting(
        (),
        "Classes",
        "Make one class of these classes, with a name if one is given; may be repeated. The numbers are those of a run "
        "without it: the new class has the lowest of them, and those after it move up.",
        form=MERGE,
    )
    name: tuple[str, ...] = define_setting(
        (),
        "Classes",
        "Name of a class in tables, legends and models; may be repeated. The numbers are those of a run without "
        "--merge. COLOR finds the class, after --merge: brightest, darkest, reddest, greenest, bluest, yellowest, or "
        "#RRGGBB for the nearest one.",
        form=NAMING,
    )
    regions: int | Literal["auto"] = define_setting(
        0,
        "Classes",
        "Divide the image into this many connected regions instead of classes; auto into those that a person would "
        "draw. 0 makes classes.",
        high=10_000,
    )
    coherence: Literal["pixel", "region"] = define_setting(
        "pixel",
        "Classes",
        "What gets one label: each pixel, by its color, or each region that the image divides into.",
    )
    seed: int = define_setting(
        0, "Classes", "Seed of all randomness: the same seed gives the same files.", high=2**32 - 1
    )

    # Loading: images that are too large or damaged, and the pixels that count.
    max_pixels: int = define_setting(
        200_000_000, "Loading", "Refuse images with more pixels than this before they are decoded.", low=1
    )
    allow_truncated: bool = define_setting(
        False, "Loading", "Use what can be read of a truncated file instead of refusing it."
    )
    keep_profile: bool = define_setting(
        False,
        "Loading",
        "Keep the color values of the file. By default they are converted to sRGB where the file embeds another color "
        "profile (ICC).",
    )
    page: int | Literal["all"] = define_setting(
        1,
        "Loading",
        "Page of a TIFF to segment, counted from 1: of a stack, such as the depths or times of a microscope, one "
        "plane; of an animated GIF or WebP, one picture. all segments every page, with the same classes.",
        low=1,
    )
    crop: str = define_setting(
        "",
        "Loading",
        "Use this part of the image alone: from the pixel LEFT,TOP to before RIGHT,BOTTOM, counted from 0. The results "
        "have its size.",
        form=BOX,
    )
    nodata: str = define_setting(
        "",
        "Loading",
        "Pixels of this value in every channel, or of these values, do not count: they have no part in the fit and get "
        "no label.",
        form=NUMBERS,
    )
    mask: str = define_setting(
        "",
        "Loading",
        "Only pixels count where this image is not zero. PATH may be a folder with a mask for each image, of the same "
        "name with any suffix. A mask has the size of the whole image.",
        form=PATH,
    )
    roi: str = define_setting(
        "",
        "Loading",
        "Only pixels in these regions of interest count, and tables have a row for each region and class: a label "
        "image, GeoJSON polygons in pixels or in the coordinates of a georeferenced image, the cells of a grid, or the "
        "circle in the middle of the image. circle:X,Y,RADIUS is any other circle, in pixels.",
        form=INTEREST,
    )

    pixel_size: str = define_setting(
        "",
        "Loading",
        "Size of a pixel, such as 0.21mm, or WIDTHxHEIGHT such as 0.2x0.3um: tables give areas and perimeters in this "
        "unit. dpi takes the resolution that the file says. By default the sizes of OME-TIFF, ImageJ and georeferenced "
        "files are taken.",
        form=PIXEL_SIZE,
    )

    # Preprocessing: a saved model keeps these settings. Lengths are shares of the image diagonal, so that a picture has
    # the same segments at any size.
    bands: str = define_setting(
        "",
        "Preprocessing",
        "Bands to use, counted from 1, in this order; by default all. Three are red, green and blue; of any other "
        "number each is a feature as it is.",
        form=BANDS,
    )
    max_size: int = define_setting(
        0, "Preprocessing", "Shrink to this many pixels on the longer side before segmenting; 0 keeps the size."
    )
    greyscale: bool = define_setting(False, "Preprocessing", "Convert to grayscale first.")
    even_light: bool = define_setting(False, "Preprocessing", "Divide out light that varies smoothly over the image.")
    log_scale: bool = define_setting(False, "Preprocessing", "Take logarithms, as for radar, fluorescence and HDR.")
    denoise: Literal["none", "gaussian", "median", "bilateral"] = define_setting(
        "none", "Preprocessing", "Noise filter."
    )
    denoise_radius: float = define_setting(
        0.001,
        "Preprocessing",
        "Radius of the noise filter (sigma for gaussian and bilateral), as a share of the image diagonal; at least "
        "half a pixel, or one for median.",
        high=0.02,
    )

    # Features: the coordinates in which classes are Gaussian.
    features: Literal["rgb", "lab", "hsv", "intensity"] = define_setting(
        "rgb", "Features", "Color coordinates: RGB, CIELAB, HSV with hue as an angle, or intensity alone."
    )

    # Mixture: the model, where its fit starts and when it stops.
    covariance_type: Literal["full", "tied", "diag", "spherical"] = define_setting(
        "full",
        "Mixture",
        "Shape of the components: any ellipsoids, one ellipsoid for all, axis-parallel ones, or balls.",
    )
    init: Literal["mixed", "k-means++", "random", "ward"] = define_setting(
        "mixed",
        "Mixture",
        "Where the fit starts: colors far from each other (k-means++), random colors, both in turn, or the clusters "
        "of Ward's hierarchy.",
    )
    seed_color: tuple[str, ...] = define_setting(
        (),
        "Mixture",
        "Start a class at this color; may be repeated up to k times. The other classes start far from it.",
        form=COLOR,
    )
    n_init: int = define_setting(
        80, "Mixture", "Number of starts; the best is kept. More starts cost little time.", low=1, high=1000
    )
    prior: Literal["pooled", "conjugate"] = define_setting(
        "pooled",
        "Mixture",
        "Prior of the covariances: pooled draws them towards the covariance within all clusters, by --shrinkage; "
        "conjugate is the weak prior of Fraley & Raftery, equal to some ten independent pixels a class.",
    )
    shrinkage: float | Literal["auto"] = define_setting(
        "auto",
        "Mixture",
        "Weight of the pooled covariance, in mean class sizes: 0 is none; auto takes 0.75 to 3, less in noise.",
        high=1000,
    )
    tails: Literal["gaussian", "student"] = define_setting(
        "gaussian",
        "Mixture",
        "Tails of the components; those of Student's t are heavier, so outlying colors weigh less.",
    )
    noise: bool = define_setting(
        False, "Mixture", "Add a component for colors that belong to no class, so that they do not distort the classes."
    )
    reject: float = define_setting(
        0.0, "Mixture", "Leave this share of the pixels, those of the least likely colors, without a label.", high=1
    )
    tol: float = define_setting(
        1e-6, "Mixture", "Stop when an iteration gains less than this in log-likelihood per pixel (nats)."
    )
    tol_step: float = define_setting(
        1e-3,
        "Mixture",
        "Do not stop while an iteration moves a parameter by more than this, in standard deviations of the image.",
    )
    max_iter: int = define_setting(200, "Mixture", "Greatest number of EM iterations.", low=1)

    # Space: how the labels of neighbors depend on each other.
    spatial: Literal["none", "field"] = define_setting(
        "field",
        "Space",
        "How neighboring pixels count: none, not at all; field, by a random field, in which they are likely to be of "
        "one class.",
    )
    smoothness: float = define_setting(
        12.0,
        "Space",
        "How much neighboring pixels count: more makes larger, rounder regions. It is the log odds (nats) that the "
        "field gives a pixel for a class that all its neighbors have.",
        high=100,
    )

    # Clean-up: what the colors do not uphold; and what is too small, whatever its colors.
    clean_up: Literal["evidence", "none"] = define_setting(
        "evidence",
        "Clean-up",
        "What happens to small regions and thin parts: evidence gives them to a class beside them where their colors "
        "are weaker evidence for their own class than their border costs at --smoothness; none keeps them.",
    )
    smooth_radius: float | str = define_setting(
        0.0,
        "Clean-up",
        "Open and close each class by this radius: a share of the diagonal, 2px or 0.3mm. More smooths borders.",
        high=0.1,
        form=LENGTH,
    )
    min_region: float | str = define_setting(
        0.0, "Clean-up", "Give smaller regions to a neighbor: a share, 50px or 0.5ha. 0 keeps all.", high=1, form=AREA
    )
    max_hole: float | str = define_setting(
        0.0, "Clean-up", "Fill holes in a class up to this size, as --min-region. 0 keeps all.", high=1, form=AREA
    )

    # Output: the files, their formats and colors.
    save: tuple[str, ...] = define_setting(
        ("panel", "labels"),
        "Output",
        f"What to write: {describe_products()}.",
        choices=tuple(product.name for product in PRODUCTS),
    )
    labels_format: Literal["png", "tif", "npz"] = define_setting(
        "png",
        "Output",
        "Format of the label image: a palette PNG; a TIFF, which keeps the georeference; or an NPZ for NumPy, with the "
        "posterior probabilities.",
    )
    palette: str | Literal["category", "mean", "seed", "viridis", "cividis", "grey"] = define_setting(
        "category",
        "Output",
        "Colors of the classes: distinct ones, also for color-blind readers, near the hues of the classes; the mean "
        "colors of the classes; with seed each --seed-color for the class nearest it; those of a ramp; or colors for "
        "some classes, by name or by their number in the result, and distinct ones for the others.",
        form=PALETTE,
    )
    drop_class: tuple[str, ...] = define_setting(
        (),
        "Output",
        "Leave this class out of geojson and svg, by name or number in the result; may be repeated.",
        form=CLASS,
    )
    geojson_crs: Literal["wgs84", "keep", "pixels"] = define_setting(
        "wgs84",
        "Output",
        "Coordinates of geojson for a georeferenced image: longitude and latitude (WGS 84, RFC 7946), which needs "
        "rasterio for other systems; those of the image; or pixels.",
    )
    simplify: float = define_setting(
        0.0,
        "Output",
        "Simplify borders in geojson and svg by about this many pixels; neighbors still share them.",
        high=1000,
    )
    svg_smooth: bool = define_setting(False, "Output", "Draw borders in svg as smooth curves, the same on both sides.")
    group: tuple[str, ...] = define_setting(
        (),
        "Output",
        "Tables give the share of these classes, by name or number in the result, within the group; may be repeated.",
        form=GROUP,
    )
    background: str = define_setting("", "Output", "Leave this class out of all shares, by name or number.", form=CLASS)
    group_distance: str = define_setting(
        "", "Output", "Regions of a class that are at most this far apart are one object.", form=DISTANCE
    )
    overwrite: bool = define_setting(False, "Output", "Replace output files that exist.")

    @property
    def max_classes(self) -> int:
        """The largest number of classes that a run may have, before classes are merged."""
        return self.k if isinstance(self.k, int) else self.k_range[1]

    @property
    def band_numbers(self) -> tuple[int, ...]:
        """The bands to use, counted from 1; empty for all."""
        return tuple(int(part) for part in self.bands.split(",") if part)

    @property
    def crop_box(self) -> tuple[int, ...]:
        """Left, top, right and bottom of the part to use, in pixels; empty for the whole image."""
        return tuple(int(part) for part in self.crop.split(",") if part)

    @property
    def nodata_values(self) -> tuple[float, ...]:
        """The value of pixels that do not count, or one for each channel; empty for none."""
        return tuple(float(part) for part in self.nodata.split(",") if part)

    @property
    def roi_grid(self) -> tuple[int, ...]:
        """Rows and columns of a grid of regions of interest; empty without one."""
        return tuple(int(part) for part in self.roi[5:].split("x")) if self.roi.startswith("grid:") else ()

    @property
    def roi_circle(self) -> tuple[float, ...]:
        """Center x, y and radius, in pixels, of a circle that is the region of interest; empty without one."""
        return tuple(float(part) for part in self.roi[7:].split(",")) if self.roi.startswith("circle:") else ()

    @property
    def pixel_sides(self) -> tuple[float, float, str]:
        """Width and height of a pixel and their unit; zeros where none is given."""
        return parse_pixel_size(self.pixel_size) if self.pixel_size not in ("", "dpi") else (0.0, 0.0, "m")

    @property
    def merges(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """Name, empty where there is none, and labels of each merge."""
        return tuple(parse_merge(text) for text in self.merge)

    @property
    def palette_colors(self) -> tuple[tuple[str, str], ...]:
        """Name or number, and color, of each class for which the palette gives one."""
        return parse_palette(self.palette) if "=" in self.palette else ()

    @property
    def class_groups(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Name of each group, and the names or numbers of its classes."""
        return tuple(parse_group(text) for text in self.group)

    @property
    def namings(self) -> tuple[tuple[int, str], ...]:
        """Label and name of each name that is given to a number."""
        pairs = (parse_naming(text) for text in self.name)
        return tuple((label, name) for label, name in pairs if isinstance(label, int))

    @property
    def color_namings(self) -> tuple[tuple[str, str], ...]:
        """Color and name of each name that is given to the class that fits a color best."""
        pairs = (parse_naming(text) for text in self.name)
        return tuple((color, name) for color, name in pairs if isinstance(color, str))


@cache
def list_settings() -> tuple[Setting, ...]:
    """Describe every setting, in the order of the fields of :class:`segment.SegmentConfig`."""
    # Annotations are texts in this module; this evaluates them.
    hints = get_type_hints(SettingValues)
    return tuple(describe_field(item, hints[item.name]) for item in fields(SettingValues))
