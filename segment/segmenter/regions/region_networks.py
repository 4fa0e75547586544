"""Two small convolutional networks: one sees borders, one describes places.

Their weights, ``border_network.npz`` and ``descriptor_network.npz``, were learned by
``tests/benchmarks/train_region_networks.py``: the encoder from ImageNet, then all from the 200 training images of
BSDS500. ``WEIGHTS.md`` beside them tells for what they may be used.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.opencv import load_cv2
from segment.segmenter.regions.learned_weights import load_weights
from segment.segmenter.regions.network_layers import (
    Convolution,
    Encoder,
    Entry,
    Maps,
    PointConvolution,
    decode,
    double_sides,
    read_layer,
    resize_maps,
)

__all__ = [
    "N_DESCRIPTORS",
    "N_DISTANCES",
    "BorderNetwork",
    "DescriptorNetwork",
    "load_border_network",
    "load_descriptor_network",
]

N_DISTANCES = 4  # 2, 6, 12 and 20 pixels between the two sides of a border
_N_DIRECTIONS = 4
N_DESCRIPTORS = 16  # numbers that describe each place
# Of what the networks see: of borders, only very narrow images are shrunk to it; of places, more help little.
_MAX_BORDER_PIXELS, _MAX_DESCRIBED_PIXELS = 400_000, 72_000


class BorderNetwork:
    """Sees borders: how likely people part what lies on the two sides of a pixel.

    The first eleven blocks of EfficientNet-Lite0 to a sixteenth of the size, and a decoder to half of it.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        As :func:`segment.segmenter.regions.network_layers.read_layer` takes them, of the layers of the encoder, of the
        entry and of the decoder, in their order: "d4", "d3" and "d2" (each doubles the size), "pre" and "out".
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._encoder = Encoder(arrays)
        self._entry, self._out = Entry(arrays), PointConvolution.read(arrays, "out")
        names = ("d4", "d3", "d2", "pre")
        self._convolutions = {name: Convolution.from_weight(*read_layer(arrays, name)) for name in names}

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
        padded = np.pad(x, (*((0, -side % self._encoder.multiple) for side in x.shape[:2]), (0, 0)), mode="symmetric")
        odds = self._run(padded)
        odds = odds.reshape(N_DISTANCES, _N_DIRECTIONS, *odds.shape[1:]).max(axis=1)
        # The network speaks of every second pixel.
        odds = double_sides(odds)[:, : x.shape[0], : x.shape[1]]
        return odds if x is rgb else resize_maps(odds, shape)

    def _fit_to_size(self, rgb: Maps) -> Maps:
        """Shrink images that are so narrow that they would be many times larger when their sides are multiples."""
        (height, width), multiple = rgb.shape[:2], self._encoder.multiple
        new_width = min(width, _MAX_BORDER_PIXELS // (height + -height % multiple) // multiple * multiple)
        new_height = min(height, _MAX_BORDER_PIXELS // (width + -width % multiple) // multiple * multiple)
        size = (max(new_width, 1), height) if width > height else (width, max(new_height, 1))
        return rgb if size == (width, height) else np.asarray(load_cv2().resize(rgb, size))

    def _run(self, rgb: Maps) -> Maps:
        """Run the network on (h, w, 3), sides that the encoder can halve to the end: (16, h / 2, w / 2)."""
        sizes = self._encoder.run(rgb)
        x = self._entry.apply(sizes)
        for name, larger in zip(("d4", "d3", "d2"), sizes[2::-1], strict=True):
            x = decode(x, self._convolutions[name], larger)
        return self._out.apply(self._convolutions["pre"].apply(x))


@cache
def load_border_network() -> BorderNetwork:
    """Load the network that the package brings.

    Returns
    -------
    BorderNetwork
        The same object each time.
    """
    return BorderNetwork(load_weights("border_network.npz"))


class DescriptorNetwork:
    """Describes places: how likely people give two of them different segments.

    EfficientNet-Lite0 without its last layers, to a thirty-second of the size, and a decoder to a quarter of it.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        As :func:`segment.segmenter.regions.network_layers.read_layer` takes them, of the layers of the encoder, of the
        entry and of the decoder, in their order: "d4" and "d3" (each doubles the size) and "z".
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._encoder = Encoder(arrays)
        self._entry, self._z = Entry(arrays), PointConvolution.read(arrays, "z")
        self._convolutions = {name: Convolution.from_weight(*read_layer(arrays, name)) for name in ("d4", "d3")}

    def compute_descriptors(self, rgb: Maps) -> Maps:
        """Describe the places of an image, whatever its size.

        Parameters
        ----------
        rgb : ndarray of shape (H, W, 3), float32, 0 to 1

        Returns
        -------
        ndarray of shape (16, ceil(H / 2), ceil(W / 2)), float32
            The larger the squared distance of the descriptors of two places, however far apart, the likelier people
            give them different segments.
        """
        shape = rgb.shape[:2]
        height, width = _choose_sides(shape, self._encoder.multiple)
        if (height, width) != shape:
            cv2 = load_cv2()
            is_smaller = height * width < shape[0] * shape[1]
            rgb = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA if is_smaller else cv2.INTER_LINEAR)
        return resize_maps(double_sides(self._run(np.asarray(rgb))), (-(-shape[0] // 2), -(-shape[1] // 2)))

    def _run(self, rgb: Maps) -> Maps:
        """Run the network on (h, w, 3), h and w multiples of 32: (16, h / 4, w / 4)."""
        sizes = self._encoder.run(rgb)
        x = decode(self._entry.apply(sizes), self._convolutions["d4"], sizes[2])
        return self._z.apply(decode(x, self._convolutions["d3"], sizes[1]))


def _choose_sides(shape: tuple[int, int], multiple: int) -> tuple[int, int]:
    """Choose the sides at which an image is seen: multiples, with about as many pixels, but not too many."""
    factor = min(1.0, math.sqrt(_MAX_DESCRIBED_PIXELS / (shape[0] * shape[1])))
    height, width = (max(1, round(side * factor / multiple)) * multiple for side in shape)
    # A narrow image becomes wider than it is, so it must become shorter.
    longest = max(1, _MAX_DESCRIBED_PIXELS // (min(height, width) * multiple)) * multiple
    return (height, min(width, longest)) if width > height else (min(height, longest), width)


@cache
def load_descriptor_network() -> DescriptorNetwork:
    """Load the network that the package brings.

    Returns
    -------
    DescriptorNetwork
        The same object each time.
    """
    return DescriptorNetwork(load_weights("descriptor_network.npz"))
