"""Pixel features: colors as points of a color space, with the uncertainty that quantization leaves.

A stored integer stands for an interval of width q, so every color is a cell with scatter ``q**2 / 12`` in each
channel. A color transform f carries it along as ``J S J'``, J being the Jacobian of f.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import SettingsError
from segment.mixture.cells import Cells, pack, unpack

__all__ = ["FEATURES", "FeatureSpace"]


Floats = NDArray[np.float64]
FEATURES = ("lab", "rgb", "hsv", "intensity")
# Linear sRGB to CIE XYZ, divided by the white point D65 (IEC 61966-2-1; rows sum to 1).
_RGB_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_RGB_TO_WHITE = _RGB_TO_XYZ / _RGB_TO_XYZ.sum(axis=1, keepdims=True)
_F_TO_LAB = np.array([[0.0, 116.0, 0.0], [500.0, -500.0, 0.0], [0.0, 200.0, -200.0]])
_OPPONENT = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
_LUMA = np.array([0.2125, 0.7154, 0.0721])  # ITU-R BT.709, as in scikit-image's rgb2gray
CHUNK_COLORS = 8192  # colors transformed at once: they stay in the cache


@dataclass(frozen=True)
class FeatureSpace:
    """How the colors of an image become features.

    Attributes
    ----------
    name : {"lab", "rgb", "hsv", "intensity"}
        ``lab``: CIELAB of sRGB under D65, L in 0..100. ``rgb``: the channels in 0..255. ``hsv``: hue as an angle around
        the gray axis, saturation times value as the distance from it, value as the height, in 0..255; so red meets
        magenta and the hue of a gray is no matter. ``intensity``: luma in 0..255. A gray image has one feature in every
        space: L for ``lab``, else the gray value in 0..255.
    n_channels : int
        1 for gray, 3 for RGB; any other number of bands has the space ``rgb`` alone, each band in 0..255.
    black, white : float
        The values of the channels that stand for no and full light.
    """

    name: str
    n_channels: int
    black: float
    white: float

    def __post_init__(self) -> None:
        if self.name not in FEATURES:
            raise SettingsError(f"features: one of {', '.join(FEATURES)}; got {self.name!r}.")
        if self.n_channels not in (1, 3) and self.name != "rgb":
            raise SettingsError(
                f"features (--features): rgb, the bands as they are, for {self.n_channels} bands; got {self.name}. "
                "Choose three bands as red, green and blue."
            )

    @property
    def feature_names(self) -> tuple[str, ...]:
        if self.n_channels == 1 or self.name == "intensity":
            return ("L*",) if self.name == "lab" else ("intensity",)
        if self.n_channels != 3:
            return tuple(f"band {number}" for number in range(1, self.n_channels + 1))
        return {"lab": ("L*", "a*", "b*"), "rgb": ("R", "G", "B"), "hsv": ("S V cos H", "S V sin H", "V")}[self.name]

    def make_cells(self, colors: NDArray[Any], counts: NDArray[Any] | None = None) -> Cells:
        """Cells of the colors (m, n_channels), of weight `counts` (m,) or 1, with their quantization scatter.

        The colors are integers from `black` to `white`.
        """
        levels = np.asarray((np.arange(int(self.white) + 1) - self.black) / (self.white - self.black))
        d = len(self.feature_names)
        means = np.empty((len(colors), d))
        scatters = np.empty((len(colors), d * (d + 1) // 2))
        transform = _GRAY_TRANSFORMS[self.name] if self.n_channels == 1 else _TRANSFORMS[self.name]
        for start in range(0, len(colors), CHUNK_COLORS):
            rows = slice(start, start + CHUNK_COLORS)
            block_means, block_squares = transform(colors[rows].T, levels)
            means[rows], scatters[rows] = block_means.T, block_squares.T
        scatters *= 1.0 / (12.0 * (self.white - self.black) ** 2)
        weights = np.ones(len(colors)) if counts is None else counts.astype(np.float64)
        return Cells(weights, means, scatters)

    def convert_rgb(self, rgb: NDArray[np.uint8]) -> Floats:
        """The features (m, d) of 8-bit RGB colors (m, 3), at the image's depth and gray where it is."""
        if self.n_channels not in (1, 3):
            raise SettingsError(f"seed_color (--seed-color): only for gray or RGB; got {self.n_channels} bands.")
        light = rgb / 255.0 if self.n_channels == 3 else (rgb / 255.0) @ _LUMA[:, None]
        levels = np.clip(np.rint(self.black + light * (self.white - self.black)), 0, self.white)
        return self.make_cells(levels.astype(np.int64)).means

    def compute_start_metric(self, cells: Cells) -> Floats:
        """The linear map (d, d) of the features in which clusters are looked for before EM.

        Lightness and the plane of chroma are each divided by their standard deviation: so a small difference of hue
        counts for as much as a large one of light, and chroma, which hardly varies in a gray picture, for no more than
        a quantization step. RGB is taken to luma and two color differences (ITU-R BT.601) for it. Other bands are each
        divided by their own.
        """
        d = len(self.feature_names)
        if d == 1:
            return np.eye(1)
        if d != 3:
            centered = Cells(cells.weights, cells.means - cells.compute_center(), cells.scatters)
            return np.diag(1 / np.maximum(1.0, np.sqrt(np.diagonal(centered.compute_second_moment()))))
        axes = _OPPONENT.T if self.name == "rgb" else np.eye(3)
        light = 2 if self.name == "hsv" else 0
        center = cells.compute_center()
        covariance = Cells(cells.weights, cells.means - center, cells.scatters).compute_second_moment()
        variances = np.diagonal(axes.T @ covariance @ axes)
        scale = np.full(3, max(1.0, float(np.sqrt(variances.sum() - variances[light]))))
        scale[light] = max(1.0, float(np.sqrt(variances[light])))
        return np.asarray(axes / scale)

    def compute_lightness(self, features: Floats) -> Floats:
        """A number that grows with the lightness of each row of features (n, d), to order classes by."""
        if features.shape[1] == 1 or self.name == "lab":
            return features[:, 0]
        if self.name == "hsv":
            return features[:, 2] - np.hypot(features[:, 0], features[:, 1]) / 2
        if features.shape[1] != 3:
            return np.asarray(features.mean(axis=1))
        return np.asarray(features @ _LUMA)

    def compute_hue(self, features: Floats) -> Floats:
        """The angle around the gray axis of each row of features (n, d), 0 to 2 pi, from magenta on; or 0."""
        if features.shape[1] != 3:
            return np.zeros(len(features))
        if self.name == "rgb":
            red, green, blue = features.T
            across, up = red - (green + blue) / 2, np.sqrt(0.75) * (green - blue)
        else:
            first = 1 if self.name == "lab" else 0
            across, up = features[:, first], features[:, first + 1]
        return np.asarray((np.arctan2(up, across) + np.pi / 6) % (2 * np.pi))  # a cut at red would part the reds


def _transform_to_rgb(colors: NDArray[Any], levels: Floats) -> tuple[Floats, Floats]:
    unit = levels[colors]
    return 255.0 * unit, np.repeat(pack(255.0**2 * np.eye(len(unit)))[:, None], unit.shape[1], axis=1)


def _transform_to_intensity(colors: NDArray[Any], levels: Floats) -> tuple[Floats, Floats]:
    intensity = 255.0 * (_LUMA @ levels[colors])[None]
    return intensity, np.full_like(intensity, 255.0**2 * (_LUMA**2).sum())


def _transform_to_hsv(colors: NDArray[Any], levels: Floats) -> tuple[Floats, Floats]:
    """The HSV cone 255 (C cos H, C sin H, V) with C = S V.

    Within a sextant C and C H are linear in RGB: H is 60 degrees times 2 i + t, with i the largest channel and t the
    difference of the next two over C.
    """
    unit = 255.0 * levels[colors]
    axes = np.eye(3)
    largest = unit.argmax(axis=0)
    d_value = axes[:, largest]
    d_chroma = d_value - axes[:, unit.argmin(axis=0)]
    d_difference = axes[:, (largest + 1) % 3] - axes[:, (largest + 2) % 3]
    value, chroma, difference = ((unit * d).sum(axis=0) for d in (d_value, d_chroma, d_difference))
    t = difference / np.where(chroma > 0, chroma, 1.0)
    hue = np.pi / 3 * (2 * largest + t)
    cosine, sine = np.cos(hue), np.sin(hue)
    d_arc = np.pi / 3 * (d_difference - t * d_chroma)
    jacobians = np.stack([cosine * d_chroma - sine * d_arc, sine * d_chroma + cosine * d_arc, d_value])
    rows, columns = np.triu_indices(3)
    squares = 255.0**2 * (jacobians[rows] * jacobians[columns]).sum(axis=1)
    return np.stack([chroma * cosine, chroma * sine, value]), squares


def _transform_to_lab(colors: NDArray[Any], levels: Floats) -> tuple[Floats, Floats]:
    """CIELAB of sRGB under D65 (IEC 61966-2-1; CIE 15:2004)."""
    lit = levels > 0.04045
    base = np.where(lit, (levels + 0.055) / 1.055, 1.0)
    linear = np.where(lit, base**2.4, levels / 12.92)
    slope = np.where(lit, 2.4 / 1.055 * base**1.4, 1 / 12.92)
    xyz = _RGB_TO_WHITE @ linear[colors]
    bright = xyz > (6 / 29) ** 3
    f = np.where(bright, np.cbrt(xyz), xyz * (29 / 6) ** 2 / 3 + 4 / 29)
    f_slope = np.where(bright, 1 / (3 * f**2), (29 / 6) ** 2 / 3)
    # J = F diag(f') M diag(g'), so J J' is linear in the products f'_i f'_j times the packed M diag(g'^2) M'.
    rows, columns = np.triu_indices(3)
    inner = (_RGB_TO_WHITE[rows] * _RGB_TO_WHITE[columns]) @ (slope**2)[colors]
    inner *= f_slope[rows] * f_slope[columns]
    return _F_TO_LAB @ f - np.array([[16.0], [0.0], [0.0]]), _build_congruence(_F_TO_LAB) @ inner


def _transform_to_lightness(colors: NDArray[Any], levels: Floats) -> tuple[Floats, Floats]:
    """CIELAB's L of a gray value: the derivative along the gray axis is the sum over the channels."""
    lab, squares = _transform_to_lab(np.repeat(colors, 3, axis=0), levels)
    return lab[:1], squares[:1] / (_RGB_TO_WHITE[1] ** 2).sum()


def _build_congruence(A: Floats) -> Floats:
    """The matrix that takes packed S to packed A S A'."""
    basis = unpack(np.eye(len(A) * (len(A) + 1) // 2))
    return pack(A @ basis @ A.T).T


_TRANSFORMS = {
    "lab": _transform_to_lab,
    "rgb": _transform_to_rgb,
    "hsv": _transform_to_hsv,
    "intensity": _transform_to_intensity,
}
_GRAY_TRANSFORMS = {
    "lab": _transform_to_lightness,
    "rgb": _transform_to_rgb,
    "hsv": _transform_to_rgb,
    "intensity": _transform_to_rgb,
}
