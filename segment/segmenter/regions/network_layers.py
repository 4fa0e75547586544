"""Layers of small convolutional networks, by NumPy and OpenCV, and the encoder that two networks share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.opencv import load_cv2
from segment.segmenter.regions.boundary_strength import resize_map

__all__ = [
    "Block",
    "Convolution",
    "Encoder",
    "Entry",
    "Maps",
    "PointConvolution",
    "decode",
    "double_sides",
    "read_layer",
    "resize_maps",
]

Maps = NDArray[np.float32]

_STRIP_VALUES = 300_000  # are computed at a time: they stay in the processor's cache
_MEAN, _SCALE = 127 / 255, 128 / 255  # of the values that the encoder takes
_MAX_ACTIVATION = 6.0  # of the encoder: larger values are replaced by it ("ReLU6")
_HALVING_BLOCKS = (1, 3, 5, 11)  # these halve the size, as the stem does


@dataclass(frozen=True)
class Convolution:
    """A convolution of 3 x 3 pixels as three matrices, one for each row of the window: (3, n_out, 3 n_in)."""

    matrices: Maps
    bias: Maps

    @classmethod
    def from_weight(cls, weight: Maps, bias: Maps) -> Convolution:
        """Reorder weights (n_out, n_in, row, column) to one matrix for each row: (row, n_out, column and n_in).

        Parameters
        ----------
        weight : ndarray of shape (n_out, n_in, 3, 3), float32
            By output, input, row and column of the window.
        bias : ndarray of shape (n_out,), float32

        Returns
        -------
        Convolution
            With matrices (row, n_out, column and n_in).
        """
        n_out, n_in, size, _ = weight.shape
        return cls(np.ascontiguousarray(weight.transpose(2, 0, 3, 1).reshape(size, n_out, size * n_in)), bias)

    def apply(self, x: Maps, *, stride: int = 1) -> Maps:
        """Convolve maps (c, h, w), zero beyond their sides, and replace what is negative by 0.

        With a stride of 2 the windows begin at every second pixel, with one of 1 they are centered on each. Strips of
        rows are copied three times, shifted sideways. A row of the window is then one block of columns of this matrix,
        so no further copies are needed.

        Parameters
        ----------
        x : ndarray of shape (n_in, h, w), float32
        stride : {1, 2}
            h and w are multiples of it.

        Returns
        -------
        ndarray of shape (n_out, h // stride, w // stride), float32, >= 0
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
class PointConvolution:
    """A convolution of one pixel: a matrix (n_out, n_in)."""

    matrix: Maps
    bias: Maps

    @classmethod
    def read(cls, arrays: Mapping[str, NDArray[Any]], name: str) -> PointConvolution:
        """Read a layer, as :func:`read_layer` does."""
        weight, bias = read_layer(arrays, name)
        return cls(weight[:, :, 0, 0], bias)

    def apply(self, x: Maps) -> Maps:
        """Multiply the values of each pixel of maps (c, h, w) with the matrix.

        Parameters
        ----------
        x : ndarray of shape (n_in, h, w), float32

        Returns
        -------
        ndarray of shape (n_out, h, w), float32
        """
        product = self.matrix @ x.reshape(len(x), -1)
        product += self.bias[:, None]
        return np.asarray(product.reshape(-1, *x.shape[1:]))


@dataclass(frozen=True)
class Block:
    """A block of the encoder: more channels, a window for each of them, fewer channels (Sandler et al. 2018, CVPR).

    Attributes
    ----------
    expand : PointConvolution or None
        To m channels; None where the block takes as many.
    windows : ndarray of shape (m, k, k), float32
    bias : ndarray of shape (m,), float32
        Added to what the windows give.
    project : PointConvolution
        From m channels to fewer.
    stride : int
        1, or 2 to halve the size.
    """

    expand: PointConvolution | None
    windows: Maps
    bias: Maps
    project: PointConvolution
    stride: int

    def apply(self, x: Maps) -> Maps:
        """Apply the block to maps (c, h, w), and add them to the result where its shape is the same.

        Some channels are computed at a time: all of them together are many times what comes in and goes out.

        Parameters
        ----------
        x : ndarray of shape (n_in, h, w), float32

        Returns
        -------
        ndarray of shape (n_out, h // stride, w // stride), float32
        """
        _, height, width = x.shape
        shape = (height // self.stride, width // self.stride)
        total = np.repeat(self.project.bias[:, None], shape[0] * shape[1], axis=1)
        step = max(1, _STRIP_VALUES // (height * width))
        for first in range(0, len(self.windows), step):
            some = slice(first, first + step)
            wide = x[some]
            if self.expand is not None:
                wide = PointConvolution(self.expand.matrix[some], self.expand.bias[some]).apply(x)
                np.clip(wide, 0, _MAX_ACTIVATION, out=wide)
            seen = self._apply_windows(wide, some)
            total += self.project.matrix[:, some] @ seen.reshape(len(seen), -1)
        out = total.reshape(-1, *shape)
        return out + x if out.shape == x.shape else out

    def _apply_windows(self, x: Maps, channels: slice) -> Maps:
        """Convolve each of some channels (c, h, w) with its window, zero beyond the sides."""
        cv2 = load_cv2()
        seen = np.empty((len(x), x.shape[1] // self.stride, x.shape[2] // self.stride), dtype=np.float32)
        filtered = np.empty(x.shape[1:], dtype=np.float32)
        for each, window, bias, out in zip(x, self.windows[channels], self.bias[channels], seen, strict=True):
            to = out if self.stride == 1 else filtered
            cv2.filter2D(each, -1, window, dst=to, delta=float(bias), borderType=cv2.BORDER_CONSTANT)
            if self.stride == 2:
                out[...] = filtered[1::2, 1::2]
        return np.clip(seen, 0, _MAX_ACTIVATION, out=seen)


class Encoder:
    """The first blocks of EfficientNet-Lite0, each of which may halve the size.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        As :func:`read_layer` takes them, of the layers "stem" and, for block i, "bi.expand" (the first block has none),
        "bi.depthwise" and "bi.project".

    Attributes
    ----------
    multiple : int
        The sides of images are multiples of this: 16 for eleven blocks, 32 for sixteen.

    References
    ----------
    Tan & Le 2019, ICML (EfficientNet).
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._stem = Convolution.from_weight(*read_layer(arrays, "stem"))
        self._blocks = []
        for number in range(sum(name.endswith(".depthwise.bias") for name in arrays)):
            expand = PointConvolution.read(arrays, f"b{number}.expand") if number else None
            windows, bias = read_layer(arrays, f"b{number}.depthwise")
            project = PointConvolution.read(arrays, f"b{number}.project")
            self._blocks.append(Block(expand, windows[:, 0], bias, project, 2 if number in _HALVING_BLOCKS else 1))
        self.multiple = 2 ** (1 + sum(number < len(self._blocks) for number in _HALVING_BLOCKS))

    def run(self, rgb: Maps) -> list[Maps]:
        """Run the encoder on an image.

        Parameters
        ----------
        rgb : ndarray of shape (H, W, 3), float32, 0 to 1
            H and W are multiples of :attr:`multiple`.

        Returns
        -------
        list of ndarray
            Maps (c, h, w) of each size, the last ones that are computed at it: a half, a quarter...
        """
        x = np.ascontiguousarray(np.moveaxis((rgb - _MEAN) / _SCALE, 2, 0), dtype=np.float32)
        x = np.minimum(self._stem.apply(x, stride=2), _MAX_ACTIVATION)
        sizes = []
        for number, block in enumerate(self._blocks):
            if number in _HALVING_BLOCKS:
                sizes.append(x)
            x = block.apply(x)
        return [*sizes, x]


def read_layer(arrays: Mapping[str, NDArray[Any]], name: str) -> tuple[Maps, Maps]:
    """Read the weights and the bias of a layer.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        "NAME.weight" of shape (n_out, n_in, k, k) and "NAME.bias" of shape (n_out,); where weights are integers also
        "NAME.scale" of shape (n_out,), by which those of each output are multiplied.
    name : str

    Returns
    -------
    weight : ndarray of shape (n_out, n_in, k, k), float32
    bias : ndarray of shape (n_out,), float32
    """
    weight = arrays[f"{name}.weight"].astype(np.float32)
    if f"{name}.scale" in arrays:
        weight *= arrays[f"{name}.scale"][:, None, None, None]
    return weight, arrays[f"{name}.bias"].astype(np.float32)


class Entry:
    """What the last maps of an encoder become for a decoder, at a sixteenth of the size.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        As :func:`read_layer` takes them, of the layers "e" (of a sixteenth of the size), "f" (of a thirty-second, if
        the encoder goes so far) and "g" (of the mean of the image).
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._points = {name: PointConvolution.read(arrays, name) for name in "efg" if f"{name}.weight" in arrays}

    def apply(self, sizes: list[Maps]) -> Maps:
        """Apply the layers to the maps of all sizes, as :meth:`Encoder.run` returns them.

        Parameters
        ----------
        sizes : list of ndarray of shape (c, h, w), float32
            The fourth has a sixteenth of the size of the image, the fifth a thirty-second.

        Returns
        -------
        ndarray of shape (n_out, h, w), float32
            Of a sixteenth of the size of the image.
        """
        x = self._points["e"].apply(sizes[3])
        if "f" in self._points:
            x = x + resize_maps(self._points["f"].apply(sizes[4]), x.shape[1:])
        x = np.maximum(x, 0)
        # The mean over the image tells every place what the image is like.
        return x + self._points["g"].apply(x.mean(axis=(1, 2), keepdims=True))


def decode(x: Maps, layer: Convolution, larger: Maps) -> Maps:
    """Enlarge maps (c, h, w) to the size of larger ones, and apply a layer to both together.

    Parameters
    ----------
    x : ndarray of shape (c, h, w), float32
    layer : Convolution
        Of c + m channels.
    larger : ndarray of shape (m, H, W), float32

    Returns
    -------
    ndarray of shape (n_out, H, W), float32, >= 0
    """
    return layer.apply(np.concatenate([resize_maps(x, larger.shape[1:]), larger]))


def double_sides(maps: Maps) -> Maps:
    """Double the sides of maps (c, h, w) of every second pixel, 0, 2, 4...: those between are means of the two.

    Parameters
    ----------
    maps : ndarray of shape (c, h, w), float32

    Returns
    -------
    ndarray of shape (c, 2 h, 2 w), float32
        The last row and column are those before them.
    """
    for axis in (1, 2):
        after = np.take(maps, np.minimum(np.arange(maps.shape[axis]) + 1, maps.shape[axis] - 1), axis=axis)
        doubled = np.stack([maps, (maps + after) / 2], axis=axis + 1)
        maps = doubled.reshape(*maps.shape[:axis], -1, *maps.shape[axis + 1 :])
    return maps


def resize_maps(maps: Maps, shape: tuple[int, ...]) -> Maps:
    """Resize maps (c, h, w): the mean of pixels where that is smaller, linearly interpolated where it is larger.

    Parameters
    ----------
    maps : ndarray of shape (c, h, w), float32
    shape : (H, W)

    Returns
    -------
    ndarray of shape (c, H, W), float32
    """
    return np.stack([resize_map(each, (shape[0], shape[1])) for each in maps])
