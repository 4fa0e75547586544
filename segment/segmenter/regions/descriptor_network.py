"""A small convolutional network that describes places: how likely people give two of them different segments.

Its weights, ``descriptor_network.npz``, were learned by ``tests/benchmarks/train_region_networks.py``: the encoder from
ImageNet, then all from the 200 training images of BSDS500. ``WEIGHTS.md`` beside them tells for what they may be used.
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

__all__ = ["N_DESCRIPTORS", "DescriptorNetwork", "load_descriptor_network"]

N_DESCRIPTORS = 16  # numbers that describe each place
_MAX_PIXELS = 72_000  # of what the network sees: more of them help little


class DescriptorNetwork:
    """EfficientNet-Lite0 without its last layers, to a thirty-second of the size, and a decoder to a quarter of it.

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
    factor = min(1.0, math.sqrt(_MAX_PIXELS / (shape[0] * shape[1])))
    height, width = (max(1, round(side * factor / multiple)) * multiple for side in shape)
    # A narrow image becomes wider than it is, so it must become shorter.
    longest = max(1, _MAX_PIXELS // (min(height, width) * multiple)) * multiple
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
