"""A small convolutional network that sees borders: how likely people part what lies on the two sides of a pixel.

Its weights, ``border_network.npz``, were learned by ``tests/benchmarks/train_border_network.py``: the encoder from
ImageNet, then all from the 200 training images of BSDS500. ``WEIGHTS.md`` beside them tells for what they may be used.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.opencv import load_cv2
from segment.segmenter.regions.boundary_strength import resize_map
from segment.segmenter.regions.learned_weights import load_weights

__all__ = ["N_DISTANCES", "BorderNetwork", "load_border_network"]

Maps = NDArray[np.float32]

N_DISTANCES = 4  # 2, 6, 12 and 20 pixels between the two sides
_N_DIRECTIONS = 4
_MULTIPLE = 16  # pixels: the network halves the size four times
_MAX_PIXELS = 400_000  # of what the network sees; only very narrow images are shrunk to it
_STRIP_VALUES = 300_000  # are computed at a time: they stay in the processor's cache
_MEAN, _SCALE = 127 / 255, 128 / 255  # of the values that the network takes
_MAX_ACTIVATION = 6.0  # of the encoder: larger values are replaced by it ("ReLU6")
_N_BLOCKS = 11
_HALVING_BLOCKS = (1, 3, 5)  # these halve the size, as the stem does
_KEPT_BLOCKS = (0, 2, 4)  # the decoder takes what these give, at a half, a quarter and an eighth of the size


@dataclass(frozen=True)
class _Convolution:
    """A convolution of 3 x 3 pixels as three matrices, one for each row of the window: (3, n_out, 3 n_in)."""

    matrices: Maps
    bias: Maps

    @classmethod
    def from_weight(cls, weight: Maps, bias: Maps) -> _Convolution:
        """Reorder weights (n_out, n_in, row, column) to one matrix for each row: (row, n_out, column and n_in)."""
        n_out, n_in, size, _ = weight.shape
        return cls(np.ascontiguousarray(weight.transpose(2, 0, 3, 1).reshape(size, n_out, size * n_in)), bias)

    def apply(self, x: Maps, *, stride: int = 1) -> Maps:
        """Convolve maps (c, h, w), zero beyond their sides, and replace what is negative by 0.

        With a stride of 2 the windows begin at every second pixel, with one of 1 they are centered on each. Strips of
        rows are copied three times, shifted sideways. A row of the window is then one block of columns of this matrix,
        so no further copies are needed.
        """
        n_in, height, width = x.shape
        before = 2 - stride
        padded = np.zeros((n_in, height + 2, width + 2), dtype=np.float32)
        padded[:, before : before + height, before : before + width] = x
        height, width = height // stride, width // stride
        out = np.empty((len(self.bias), height, width), dtype=np.float32)
        step = min(height, max(1, _STRIP_VALUES // (3 * n_in * width)))
        buffers = np.empty((2, len(out), step * width), dtype=np.float32)
        for first in range(0, height, step):
            rows = min(step, height - first)
            strip = padded[:, first * stride : (first + rows - 1) * stride + 3]
            # With a stride of 2 the first and last rows of windows are every second row, the middle rows the others.
            shifted = [_shift_sideways(strip[:, phase::stride], width, stride) for phase in range(stride)]
            total, product = buffers[:, :, : rows * width]
            total[...] = self.bias[:, None]
            for row, matrix in enumerate(self.matrices):
                skipped, phase = divmod(row, stride)
                seen = shifted[phase][:, skipped * width : (skipped + rows) * width]
                total += np.matmul(matrix, seen, out=product)
            np.maximum(total, 0, out=out[:, first : first + rows].reshape(total.shape))
        return out


def _shift_sideways(strip: Maps, width: int, stride: int) -> Maps:
    """Copy maps (c, rows, w) from the first, the second and the third column of windows: (3 c, rows * width)."""
    shifted = np.empty((3, *strip.shape[:2], width), dtype=np.float32)
    for column, copy in enumerate(shifted):
        copy[...] = strip[:, :, column : column + (width - 1) * stride + 1 : stride]
    return shifted.reshape(3 * len(strip), -1)


@dataclass(frozen=True)
class _PointConvolution:
    """A convolution of one pixel: a matrix (n_out, n_in)."""

    matrix: Maps
    bias: Maps

    def apply(self, x: Maps) -> Maps:
        """Multiply the values of each pixel of maps (c, h, w) with the matrix."""
        product = self.matrix @ x.reshape(len(x), -1) + self.bias[:, None]
        return np.asarray(product.reshape(-1, *x.shape[1:]))


@dataclass(frozen=True)
class _Block:
    """A block of the encoder: more channels, a window for each of them, fewer channels (Sandler et al. 2018, CVPR).

    Attributes
    ----------
    expand : _PointConvolution or None
        To m channels; None where the block takes as many.
    windows : ndarray of shape (m, k, k), float32
    bias : ndarray of shape (m,), float32
        Added to what the windows give.
    project : _PointConvolution
        From m channels to fewer.
    stride : int
        1, or 2 to halve the size.
    """

    expand: _PointConvolution | None
    windows: Maps
    bias: Maps
    project: _PointConvolution
    stride: int

    def apply(self, x: Maps) -> Maps:
        """Apply the block to maps (c, h, w), and add them to the result where its shape is the same.

        Some channels are computed at a time: all of them together are many times what comes in and goes out.
        """
        _, height, width = x.shape
        shape = (height // self.stride, width // self.stride)
        total = np.repeat(self.project.bias[:, None], shape[0] * shape[1], axis=1)
        step = max(1, _STRIP_VALUES // (height * width))
        for first in range(0, len(self.windows), step):
            some = slice(first, first + step)
            wide = x[some]
            if self.expand is not None:
                wide = _PointConvolution(self.expand.matrix[some], self.expand.bias[some]).apply(x)
                np.clip(wide, 0, _MAX_ACTIVATION, out=wide)
            seen = self._apply_windows(wide, some)
            total += self.project.matrix[:, some] @ seen.reshape(len(seen), -1)
        out = total.reshape(-1, *shape)
        return out + x if out.shape == x.shape else out

    def _apply_windows(self, x: Maps, channels: slice) -> Maps:
        """Convolve each of some channels (c, h, w) with its window, zero beyond the sides."""
        cv2 = load_cv2()
        windows = self.windows[channels]
        reach, last = windows.shape[1] // 2, self.stride - 1
        # Zeros are put around, so that OpenCV never filters an image that is narrower than the window.
        padded = np.pad(x, ((0, 0), (reach, reach), (reach, reach)))
        rows, columns = (slice(reach + last, reach + side, self.stride) for side in x.shape[1:])
        filtered = (cv2.filter2D(each, -1, window) for each, window in zip(padded, windows, strict=True))
        seen = np.stack([each[rows, columns] for each in filtered]) + self.bias[channels, None, None]
        return np.asarray(np.clip(seen, 0, _MAX_ACTIVATION, out=seen))


class BorderNetwork:
    """The first blocks of EfficientNet-Lite0 to a sixteenth of the size, and a decoder to half of it.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        For each layer "NAME.weight" of shape (n_out, n_in, k, k) and "NAME.bias" of shape (n_out,); where weights are
        integers also "NAME.scale" of shape (n_out,), by which those of each output are multiplied.
        Layers of the encoder are "stem" and, for block i, "bi.expand", "bi.depthwise" and "bi.project"; of the decoder,
        in their order, "e" (entry), "g" (of the mean of the image), "d4", "d3" and "d2" (each doubles the size), "pre"
        and "out".

    References
    ----------
    Tan & Le 2019, ICML (EfficientNet).
    """

    def __init__(self, arrays: dict[str, NDArray[Any]]) -> None:
        def read(name: str) -> tuple[Maps, Maps]:
            weight = arrays[f"{name}.weight"].astype(np.float32)
            if f"{name}.scale" in arrays:
                weight *= arrays[f"{name}.scale"][:, None, None, None]
            return weight, arrays[f"{name}.bias"].astype(np.float32)

        def read_point(name: str) -> _PointConvolution:
            weight, bias = read(name)
            return _PointConvolution(weight[:, :, 0, 0], bias)

        self._stem = _Convolution.from_weight(*read("stem"))
        self._blocks = []
        for number in range(_N_BLOCKS):
            expand = read_point(f"b{number}.expand") if f"b{number}.expand.weight" in arrays else None
            windows, bias = read(f"b{number}.depthwise")
            stride = 2 if number in _HALVING_BLOCKS else 1
            self._blocks.append(_Block(expand, windows[:, 0], bias, read_point(f"b{number}.project"), stride))
        self._points = {name: read_point(name) for name in ("e", "g", "out")}
        self._convolutions = {name: _Convolution.from_weight(*read(name)) for name in ("d4", "d3", "d2", "pre")}

    def compute_log_odds(self, rgb: Maps) -> Maps:
        """Compute how likely people part the two sides of each pixel, in the direction in which that is likeliest.

        Parameters
        ----------
        rgb : ndarray of shape (H, W, 3), float32, 0 to 1

        Returns
        -------
        ndarray of shape (4, H, W), float32
            The log-odds for sides that are 2, 6, 12 and 20 pixels apart.
        """
        shape, x = rgb.shape[:2], self._fit_to_size(rgb)
        # The image goes on beyond its lower and right side as its reflection: an edge there would be seen as a border.
        padded = np.pad(x, (*((0, -side % _MULTIPLE) for side in x.shape[:2]), (0, 0)), mode="symmetric")
        odds = self._run(np.ascontiguousarray(np.moveaxis((padded - _MEAN) / _SCALE, 2, 0), dtype=np.float32))
        odds = odds.reshape(N_DISTANCES, _N_DIRECTIONS, *odds.shape[1:]).max(axis=1)
        odds = _interpolate(_interpolate(odds, axis=1), axis=2)[:, : x.shape[0], : x.shape[1]]
        return odds if x is rgb else _resize(odds, shape)

    def _fit_to_size(self, rgb: Maps) -> Maps:
        """Shrink images that are so narrow that they would be many times larger when their sides are multiples."""
        height, width = rgb.shape[:2]
        new_width = min(width, _MAX_PIXELS // (height + -height % _MULTIPLE) // _MULTIPLE * _MULTIPLE)
        new_height = min(height, _MAX_PIXELS // (width + -width % _MULTIPLE) // _MULTIPLE * _MULTIPLE)
        size = (max(new_width, 1), height) if width > height else (width, max(new_height, 1))
        return rgb if size == (width, height) else np.asarray(load_cv2().resize(rgb, size))

    def _run(self, x: Maps) -> Maps:
        """Run the network on (3, h, w), h and w multiples of 16: (16, h / 2, w / 2)."""
        x = np.minimum(self._stem.apply(x, stride=2), _MAX_ACTIVATION)
        kept = []
        for number, block in enumerate(self._blocks):
            x = block.apply(x)
            if number in _KEPT_BLOCKS:
                kept.append(x)
        x = np.maximum(self._points["e"].apply(x), 0)
        # The mean over the image tells every place what the image is like.
        x = x + self._points["g"].apply(x.mean(axis=(1, 2), keepdims=True))
        for name, larger in zip(("d4", "d3", "d2"), reversed(kept), strict=True):
            x = self._convolutions[name].apply(np.concatenate([_resize(x, larger.shape[1:]), larger]))
        return self._points["out"].apply(self._convolutions["pre"].apply(x))


@cache
def load_border_network() -> BorderNetwork:
    """Load the network that the package brings.

    Returns
    -------
    BorderNetwork
        The same object each time.
    """
    return BorderNetwork(load_weights("border_network.npz"))


def _interpolate(maps: Maps, *, axis: int) -> Maps:
    """Double the length of an axis: the network speaks of every second pixel; those between are means of the two."""
    after = np.take(maps, np.minimum(np.arange(maps.shape[axis]) + 1, maps.shape[axis] - 1), axis=axis)
    doubled = np.stack([maps, (maps + after) / 2], axis=axis + 1)
    return doubled.reshape(*maps.shape[:axis], -1, *maps.shape[axis + 1 :])


def _resize(maps: Maps, shape: tuple[int, ...]) -> Maps:
    """Resize maps (c, h, w): the mean of pixels where that is smaller, linearly interpolated where it is larger."""
    return np.stack([resize_map(each, (shape[0], shape[1])) for each in maps])
