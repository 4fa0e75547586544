"""A small convolutional network that sees borders: how likely people part what lies on the two sides of a pixel.

Its weights, ``border_network.npz``, were learned from the 200 training images of BSDS500 by
``tests/benchmarks/train_border_network.py``; ``WEIGHTS.md`` beside them tells for what they may be used.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

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
_STRIP_VALUES = 300_000  # in the matrix of one product: it stays in the processor's cache
_MEAN, _SCALE = 0.45, 0.25  # of the values that the network takes


@dataclass(frozen=True)
class _Convolution:
    """A convolution of 3 x 3 pixels as three matrices, one for each row of the window: (3, n_out, 3 n_in)."""

    matrices: Maps
    bias: Maps

    def apply(self, x: Maps, *, stride: int = 1, dilation: int = 1, added: Maps | None = None) -> Maps:
        """Convolve maps (c, h, w), zero beyond their sides, add others, and replace what is negative by 0.

        Strips of rows are copied three times, shifted sideways. A row of the window is then one block of columns of
        this matrix, so no further copies are needed.
        """
        n_in, height, width = x.shape
        padded = np.zeros((n_in, height + 2 * dilation, width + 2 * dilation), dtype=np.float32)
        padded[:, dilation:-dilation, dilation:-dilation] = x
        height, width = height // stride, width // stride
        out = np.empty((len(self.bias), height, width), dtype=np.float32)
        step = min(height, max(1, _STRIP_VALUES // (3 * n_in * width)))
        buffers = np.empty((2, len(out), step * width), dtype=np.float32)
        for first in range(0, height, step):
            rows = min(step, height - first)
            strip = padded[:, first * stride : (first + rows - 1) * stride + 2 * dilation + 1]
            # With a stride of 2 the rows above and below the middle are every second row, the middle rows the others.
            shifted = [_shift_sideways(strip[:, phase::stride], width, stride, dilation) for phase in range(stride)]
            total, product = buffers[:, :, : rows * width]
            total[...] = self.bias[:, None]
            for row, matrix in enumerate(self.matrices):
                skipped, phase = divmod(row * dilation, stride)
                seen = shifted[phase][:, skipped * width : (skipped + rows) * width]
                total += np.matmul(matrix, seen, out=product)
            if added is not None:
                total += added[:, first : first + rows].reshape(total.shape)
            np.maximum(total, 0, out=out[:, first : first + rows].reshape(total.shape))
        return out


def _shift_sideways(strip: Maps, width: int, stride: int, dilation: int) -> Maps:
    """Copy maps (c, rows, w) from the left, the middle and the right of each pixel: (3 c, rows * width)."""
    shifted = np.empty((3, *strip.shape[:2], width), dtype=np.float32)
    for column, copy in enumerate(shifted):
        first = column * dilation
        copy[...] = strip[:, :, first : first + (width - 1) * stride + 1 : stride]
    return shifted.reshape(3 * len(strip), -1)


class BorderNetwork:
    """An encoder to a sixteenth of the size and a decoder to half of it.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        For each layer "NAME.weight", (n_out, n_in, 3, 3) or (n_out, n_in, 1, 1), and "NAME.bias", (n_out,).
    """

    def __init__(self, arrays: dict[str, NDArray[np.floating]]) -> None:
        names = {name.removesuffix(".weight") for name in arrays if name.endswith(".weight")}
        self._layers: dict[str, _Convolution] = {}
        for name in names:
            weight, bias = arrays[f"{name}.weight"].astype(np.float32), arrays[f"{name}.bias"].astype(np.float32)
            n_out, n_in, size, _ = weight.shape
            # From (n_out, n_in, row, column) to one matrix for each row, (row, n_out, column and n_in).
            matrices = np.ascontiguousarray(weight.transpose(2, 0, 3, 1).reshape(size, n_out, size * n_in))
            self._layers[name] = _Convolution(matrices, bias)

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
        apply = self._apply
        full = apply("e1.1", apply("e1.0", x))
        half = self._apply_residual("e2.1", apply("e2.0", full, stride=2))
        quarter = self._apply_residual("e3.1", apply("e3.0", half, stride=2))
        eighth = self._apply_residual("e4.1", apply("e4.0", quarter, stride=2))
        eighth = self._apply_residual("e4.2", eighth, dilation=2)
        lowest = self._apply_residual("e5.1", apply("e5.0", eighth, stride=2))
        lowest = self._apply_residual("e5.2", lowest, dilation=2)
        # The mean over the image tells every place what the image is like.
        lowest = lowest + self._multiply("g", lowest.mean(axis=(1, 2), keepdims=True))
        for name, larger in (("d4", eighth), ("d3", quarter), ("d2", half)):
            lowest = apply(name, np.concatenate([_resize(lowest, larger.shape[1:]), larger]))
        lowest = apply("pre", np.concatenate([lowest, _resize(full, half.shape[1:])]))
        return self._multiply("out", lowest)

    def _apply(self, name: str, x: Maps, *, stride: int = 1, dilation: int = 1, added: Maps | None = None) -> Maps:
        return self._layers[name].apply(x, stride=stride, dilation=dilation, added=added)

    def _apply_residual(self, name: str, x: Maps, *, dilation: int = 1) -> Maps:
        """Apply two convolutions and add what they were applied to."""
        return self._apply(f"{name}.b", self._apply(f"{name}.a", x, dilation=dilation), added=x)

    def _multiply(self, name: str, x: Maps) -> Maps:
        """Apply a convolution of one pixel."""
        layer = self._layers[name]
        product = layer.matrices[0] @ x.reshape(len(x), -1) + layer.bias[:, None]
        return np.asarray(product.reshape(-1, *x.shape[1:]))


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
