"""Feature spaces: the colors of an image as feature vectors, with the scatter that quantization causes.

A feature is a coordinate of a color, such as L* of CIELAB; the features of a pixel form a point in a feature space.
A cell (:class:`segment.mixture.cells.Cells`) stands for all pixels of one color: its weight is their number, its mean
their features. The scatter of a cell is the covariance of the true colors that were rounded to the stored one: an
integer stands for an interval of width q, and a uniform distribution on it has the variance ``q**2 / 12``, so the
scatter is ``S = q**2 / 12 * I`` in the channels. A color transform f with Jacobian J maps it to ``J S J'``, to first
order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import SettingsError
from segment.mixture.cells import Cells
from segment.mixture.packed_matrices import pack, unpack
from segment.preprocessor.preprocessor import LUMA

__all__ = ["FEATURES", "FeatureSpace"]


Floats = NDArray[np.float64]
FEATURES = ("lab", "rgb", "hsv", "intensity")
# Linear sRGB to CIE XYZ, divided by the white point D65 (IEC 61966-2-1; rows sum to 1).
_RGB_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_RGB_TO_WHITE = _RGB_TO_XYZ / _RGB_TO_XYZ.sum(axis=1, keepdims=True)
# From the three values f(X), f(Y), f(Z) of CIELAB to L* + 16, a* and b*.
_F_TO_LAB = np.array([[0.0, 116.0, 0.0], [500.0, -500.0, 0.0], [0.0, 200.0, -200.0]])
# The matrix that maps the packed triangle of S to that of F S F', F being the map above.
_F_TO_LAB_OF_TRIANGLES = pack(_F_TO_LAB @ unpack(np.eye(6)) @ _F_TO_LAB.T).T
# RGB to luma and two color differences (ITU-R BT.601).
_OPPONENT = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
MAX_BANDS = 64
# Colors transformed at once: they stay in the processor's cache.
CHUNK_COLORS = 8192


@dataclass(frozen=True)
class FeatureSpace:
    """Feature space of an image: converts colors to features.

    Attributes
    ----------
    name : {"lab", "rgb", "hsv", "intensity"}
        - ``lab``: CIELAB of sRGB under D65, L* from 0 to 100.
        - ``rgb``: the channels, scaled to 0..255.
        - ``hsv``: the HSV cone, with the features ``255 S V cos H``, ``255 S V sin H`` and ``255 V``. Red and magenta
          are neighbors, and the undefined hue of gray has no effect.
        - ``intensity``: luma, scaled to 0..255.

        A gray image has one feature in every space: L* for ``lab``, otherwise the gray value scaled to 0..255.
    n_channels : int
        1 for gray, 3 for RGB. Any other number of bands, at most 64, needs the space ``rgb``: each band scaled to
        0..255.
    black, white : float
        Channel values of no light and of full light.

    Raises
    ------
    SettingsError
        If the name does not fit the number of channels, or there are more than 64 of these.

    Examples
    --------
    >>> space = FeatureSpace("rgb", n_channels=3, black=0, white=255)
    >>> space.feature_names
    ('R', 'G', 'B')
    >>> cells = space.make_cells(np.array([[255, 0, 51]], dtype=np.uint8))
    >>> cells.means.tolist()
    [[255.0, 0.0, 51.0]]
    >>> cells.scatters.round(4).tolist()  # the packed triangle of I / 12
    [[0.0833, 0.0, 0.0, 0.0833, 0.0, 0.0833]]
    """

    name: str
    n_channels: int
    black: float
    white: float

    def __post_init__(self) -> None:
        if self.n_channels > MAX_BANDS:
            raise SettingsError(
                f"bands (--bands): at most {MAX_BANDS} at once, as time and memory grow with their square; got "
                f"{self.n_channels}. Choose some, or average neighboring ones first."
            )
        if self.n_channels not in (1, 3) and self.name != "rgb":
            raise SettingsError(
                f"features (--features): rgb, the bands as they are, for {self.n_channels} bands; got {self.name}. "
                "Choose three bands as red, green and blue (--bands)."
            )

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features, one for each."""
        if self.n_channels == 1 or self.name == "intensity":
            return ("L*",) if self.name == "lab" else ("intensity",)
        if self.n_channels != 3:
            return tuple(f"band {number}" for number in range(1, self.n_channels + 1))
        return {"lab": ("L*", "a*", "b*"), "rgb": ("R", "G", "B"), "hsv": ("S V cos H", "S V sin H", "V")}[self.name]

    def make_cells(self, colors: NDArray[Any], counts: NDArray[Any] | None = None) -> Cells:
        """Convert colors to cells: their features, weights and quantization scatters.

        Parameters
        ----------
        colors : ndarray of shape (m, n_channels), integers
            Channel values from `black` to `white`.
        counts : ndarray of shape (m,), optional
            Number of pixels of each color, the weights of the cells; 1 by default.

        Returns
        -------
        Cells
            m cells with as many features as `feature_names`, in the order of the colors.
        """
        # The value of every possible level on the scale from 0 (black) to 1 (white): a table for the transforms.
        levels = np.asarray((np.arange(int(self.white) + 1) - self.black) / (self.white - self.black))
        d = len(self.feature_names)
        # Feature by feature in memory: rows of a few numbers are slow to compute with.
        means = np.empty((d, len(colors))).T
        transform = _GRAY_TRANSFORMS[self.name] if self.n_channels == 1 else _TRANSFORMS[self.name]
        # All colors have the same scatter in RGB.
        scatters = np.empty((1 if transform is _transform_to_rgb else len(colors), d * (d + 1) // 2))
        for start in range(0, max(1, len(colors)), CHUNK_COLORS):
            rows = slice(start, start + CHUNK_COLORS)
            block_means, block_squares = transform(colors[rows].T, levels)
            means[rows], scatters[rows if len(scatters) > 1 else slice(None)] = block_means.T, block_squares.T
        # The transforms return J J' for levels from 0 to 1, where the width of a level is q = 1 / (white - black). With
        # S = q**2 / 12 * I the scatter is J S J' = J J' / (12 (white - black)**2).
        scatters *= 1.0 / (12.0 * (self.white - self.black) ** 2)
        weights = np.ones(len(colors)) if counts is None else counts.astype(np.float64)
        return Cells(weights, means, np.broadcast_to(scatters, (len(colors), scatters.shape[1])))

    def convert_rgb(self, rgb: NDArray[np.uint8]) -> Floats:
        """Convert 8-bit RGB colors to features, as if they were colors of the image.

        Parameters
        ----------
        rgb : ndarray of shape (m, 3), uint8
            For a gray image they are converted to luma first.

        Returns
        -------
        ndarray of shape (m, d), float64
            Their features, after rounding to the levels of the image.

        Raises
        ------
        SettingsError
            If the image is neither gray nor RGB.
        """
        if self.n_channels not in (1, 3):
            raise SettingsError(f"seed_color (--seed-color): only for gray or RGB; got {self.n_channels} bands.")
        light = rgb / 255.0 if self.n_channels == 3 else (rgb / 255.0) @ LUMA[:, None]
        levels = np.clip(np.rint(self.black + light * (self.white - self.black)), 0, self.white)
        return self.make_cells(levels.astype(np.int64)).means

    def convert_to_rgb(self, features: Floats) -> Floats:
        """Convert features to the colors that have them, as if black were 0 and white 255.

        Parameters
        ----------
        features : ndarray of shape (n, d), float64

        Returns
        -------
        ndarray of shape (n, 3), float64
            RGB from 0 to 255; gray where the features have no hue. Colors outside of RGB are clipped.

        Examples
        --------
        >>> space = FeatureSpace("lab", n_channels=3, black=0, white=255)
        >>> space.convert_to_rgb(space.convert_rgb(np.array([[20, 90, 200]], dtype=np.uint8))).round().tolist()
        [[20.0, 90.0, 200.0]]
        """
        d = len(self.feature_names)
        if self.name == "lab":
            return _convert_lab_to_rgb(features if d == 3 else features @ np.array([[1.0, 0.0, 0.0]]))
        if d != 3:
            return np.asarray(np.clip(np.repeat(self.compute_lightness(features)[:, None], 3, axis=1), 0, 255))
        if self.name == "rgb":
            return np.asarray(np.clip(features, 0, 255))
        # The HSV cone: the chroma is the distance from the gray axis, and V the largest of the three channels.
        hue, chroma = np.arctan2(features[:, 1], features[:, 0]), np.hypot(features[:, 0], features[:, 1])
        # How far each channel lies below V: by 0 to the chroma, linear in the hue's distance from the channel's own.
        turns = np.abs((hue[:, None] * 3 / np.pi - np.array([0.0, 2.0, 4.0]) + 3) % 6 - 3)
        return np.asarray(np.clip(features[:, 2:] - chroma[:, None] * np.clip(turns - 1, 0, 1), 0, 255))

    def compute_start_metric(self, cells: Cells) -> Floats:
        """Compute the linear map of the features for the distances of k-means, with which EM starts.

        Lightness and the plane of chroma are each divided by their standard deviation, so that differences of hue count
        as much as the usually larger differences of lightness. RGB is mapped to luma and two color differences (ITU-R
        BT.601) for this. None of the two is taken as less than 1, a quantization step of 8 bits: the chroma of a nearly
        gray image is not blown up. Other bands are each divided by their standard deviation, or by that of rounding to
        whole channel values if it is larger.

        Parameters
        ----------
        cells : Cells
            Cells of the image, with d features.

        Returns
        -------
        ndarray of shape (d, d), float64
            Distances are measured between the rows of ``features @ metric``.
        """
        d = len(self.feature_names)
        if d == 1:
            return np.eye(1)
        if d != 3:
            # Bands may have other units, as temperatures and reflectances have.
            rounding = 255 / (self.white - self.black) / math.sqrt(12)
            return np.diag(1 / np.maximum(rounding, np.sqrt(np.diagonal(cells.center_and_covariance[1]))))
        # The two chroma axes share one scale, from the sum of their variances, so that all hues are treated alike.
        axes = _OPPONENT.T if self.name == "rgb" else np.eye(3)
        light = 2 if self.name == "hsv" else 0
        covariance = cells.center_and_covariance[1]
        variances = np.diagonal(axes.T @ covariance @ axes)
        scale = np.full(3, max(1.0, float(np.sqrt(variances.sum() - variances[light]))))
        scale[light] = max(1.0, float(np.sqrt(variances[light])))
        return np.asarray(axes / scale)

    def compute_lightness(self, features: Floats) -> Floats:
        """Compute a value that increases with lightness, for sorting classes.

        Parameters
        ----------
        features : ndarray of shape (n, d), float64

        Returns
        -------
        ndarray of shape (n,), float64
            L*, luma, HSL lightness or the mean of the bands.
        """
        if features.shape[1] == 1 or self.name == "lab":
            return features[:, 0]
        if self.name == "hsv":
            return features[:, 2] - np.hypot(features[:, 0], features[:, 1]) / 2
        if features.shape[1] != 3:
            return np.asarray(features.mean(axis=1))
        return np.asarray(features @ LUMA)

    def compute_hue(self, features: Floats) -> Floats:
        """Compute the hue angle, for sorting classes.

        Parameters
        ----------
        features : ndarray of shape (n, d), float64

        Returns
        -------
        ndarray of shape (n,), float64
            Radians from 0 to 2 pi, counted from 30 degrees before red; 0 where there are not three features.
        """
        if features.shape[1] != 3:
            return np.zeros(len(features))
        # The plane across the gray axis: the hexagon of HSV for RGB, a* and b* for CIELAB.
        if self.name == "rgb":
            red, green, blue = features.T
            across, up = red - (green + blue) / 2, np.sqrt(0.75) * (green - blue)
        else:
            first = 1 if self.name == "lab" else 0
            across, up = features[:, first], features[:, first + 1]
        # The angles begin 30 degrees before red, so that all reds have nearly the same value.
        return np.asarray((np.arctan2(up, across) + np.pi / 6) % (2 * np.pi))


def _convert_lab_to_rgb(lab: Floats) -> Floats:
    """Convert CIELAB (n, 3) to sRGB from 0 to 255: the inverse of `_transform_to_lab`."""
    f = (lab + np.array([16.0, 0.0, 0.0])) @ np.linalg.inv(_F_TO_LAB).T
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29))
    linear = np.clip(xyz @ np.linalg.inv(_RGB_TO_WHITE).T, 0, 1)
    return np.asarray(255 * np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear))


def _transform_to_rgb(colors: NDArray[Any], levels: Floats) -> tuple[Floats, Floats]:
    """Transform colors (n_channels, m) to features (d, m) and J J', packed (d (d + 1) / 2, 1): J = 255 I for all."""
    unit = levels[colors]
    return 255.0 * unit, pack(255.0**2 * np.eye(len(unit)))[:, None]


def _transform_to_intensity(colors: NDArray[Any], levels: Floats) -> tuple[Floats, Floats]:
    """Transform colors (n_channels, m) to luma in 0..255; see the other transforms."""
    # J is the row 255 * LUMA.
    intensity = 255.0 * (LUMA @ levels[colors])[None]
    return intensity, np.full_like(intensity, 255.0**2 * (LUMA**2).sum())


def _transform_to_hsv(colors: NDArray[Any], levels: Floats) -> tuple[Floats, Floats]:
    """Transform colors (3, m) to the HSV cone 255 (C cos H, C sin H, V) with the chroma C = S V.

    Within a sextant C and C H are linear in RGB: H is 60 degrees times 2 i + t, where i is the largest channel and t
    the difference of the next two channels over C.
    """
    unit = 255.0 * levels[colors]
    axes = np.eye(3)
    largest = unit.argmax(axis=0)
    # Derivatives of V, C and the difference of the next two channels with respect to R, G and B: entries 0, 1 and -1.
    d_value = axes[:, largest]
    d_chroma = d_value - axes[:, unit.argmin(axis=0)]
    d_difference = axes[:, (largest + 1) % 3] - axes[:, (largest + 2) % 3]
    value, chroma, difference = ((unit * d).sum(axis=0) for d in (d_value, d_chroma, d_difference))
    t = difference / np.where(chroma > 0, chroma, 1.0)
    hue = np.pi / 3 * (2 * largest + t)
    cosine, sine = np.cos(hue), np.sin(hue)
    # Product rule: d(C cos H) = cos H dC - sin H (C dH), where C dH = 60 degrees (d difference - t dC).
    d_arc = np.pi / 3 * (d_difference - t * d_chroma)
    jacobians = np.stack([cosine * d_chroma - sine * d_arc, sine * d_chroma + cosine * d_arc, d_value])
    rows, columns = np.triu_indices(3)
    squares = 255.0**2 * (jacobians[rows] * jacobians[columns]).sum(axis=1)
    return np.stack([chroma * cosine, chroma * sine, value]), squares


def _transform_to_lab(colors: NDArray[Any], levels: Floats) -> tuple[Floats, Floats]:
    """Transform colors (3, m) to CIELAB of sRGB under D65 (IEC 61966-2-1; CIE 15:2004)."""
    # g: the sRGB decoding curve and its slope, for every possible level.
    lit = levels > 0.04045
    base = np.where(lit, (levels + 0.055) / 1.055, 1.0)
    linear = np.where(lit, base**2.4, levels / 12.92)
    slope = np.where(lit, 2.4 / 1.055 * base**1.4, 1 / 12.92)
    # M: linear RGB to XYZ over the white point. f: the cube root of CIELAB, linear near black.
    xyz = _RGB_TO_WHITE @ linear[colors]
    bright = xyz > (6 / 29) ** 3
    f = np.where(bright, np.cbrt(xyz), xyz * (29 / 6) ** 2 / 3 + 4 / 29)
    f_slope = np.where(bright, 1 / (3 * f**2), (29 / 6) ** 2 / 3)
    # J = F diag(f') M diag(g'), so J J' is linear in the products f'_i f'_j times the packed M diag(g'^2) M'.
    rows, columns = np.triu_indices(3)
    inner = (_RGB_TO_WHITE[rows] * _RGB_TO_WHITE[columns]) @ (slope**2)[colors]
    inner *= f_slope[rows] * f_slope[columns]
    return _F_TO_LAB @ f - np.array([[16.0], [0.0], [0.0]]), _F_TO_LAB_OF_TRIANGLES @ inner


def _transform_to_lightness(colors: NDArray[Any], levels: Floats) -> tuple[Floats, Floats]:
    """Transform gray values (1, m) to L* of CIELAB."""
    # The derivative along the gray axis is the sum over the channels: (f' sum_i M_i g')^2 instead of f'^2 sum_i M_i^2
    # g'^2. As the row of M sums to 1, that is J J' divided by sum_i M_i^2.
    lab, squares = _transform_to_lab(np.repeat(colors, 3, axis=0), levels)
    return lab[:1], squares[:1] / (_RGB_TO_WHITE[1] ** 2).sum()


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
