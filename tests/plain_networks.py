"""The networks of regions, computed a channel at a time, and random weights of small ones of the same plan."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.ndimage import correlate, map_coordinates

# Channels that the blocks give, and the sides of their windows; the first channels are given by the stem.
CHANNELS = (3, 2, 4, 4, 3, 3, 5, 5, 5, 4, 4, 4, 6, 6, 6, 6, 7)
WINDOWS = (3, 3, 3, 5, 5, 3, 3, 3, 5, 5, 5, 5, 5, 5, 5, 3)
HALVING_BLOCKS = (1, 3, 5, 11)


def make_arrays(n_blocks, layers):
    """Make random weights: `layers` has the channels in and out and the side of each layer of the decoder."""
    rng = np.random.default_rng(0)
    layers = {"stem": (3, 3, 3), **layers}
    for number, (n_in, n_out, side) in enumerate(zip(CHANNELS[:n_blocks], CHANNELS[1:], WINDOWS, strict=False)):
        wide = 2 * n_in if number else n_in  # the first block takes what the stem gives as it is
        if number:
            layers[f"b{number}.expand"] = (n_in, wide, 1)
        layers[f"b{number}.depthwise"] = (1, wide, side)
        layers[f"b{number}.project"] = (wide, n_out, 1)
    found = {}
    for name, (n_in, n_out, side) in layers.items():
        found[f"{name}.weight"] = rng.normal(0, (n_in * side**2) ** -0.5, (n_out, n_in, side, side))
        found[f"{name}.bias"] = rng.normal(0, 0.5, n_out)
    return found


def convolve(arrays, name, x, stride=1, *, each_alone=False):
    weight, first = arrays[f"{name}.weight"], stride - 1
    if each_alone:
        sums = [correlate(c, w[0], mode="constant") for c, w in zip(x, weight, strict=True)]
    else:
        sums = [sum(correlate(c, w, mode="constant") for c, w in zip(x, each, strict=True)) for each in weight]
    return np.stack(sums)[:, first::stride, first::stride] + arrays[f"{name}.bias"][:, None, None]


def run_encoder(arrays, rgb):
    """What each block gives of an image whose sides are multiples of its halvings."""

    def apply_block(number, x):
        stride = 2 if number in HALVING_BLOCKS else 1
        y = np.clip(convolve(arrays, f"b{number}.expand", x), 0, 6) if number else x
        y = np.clip(convolve(arrays, f"b{number}.depthwise", y, stride, each_alone=True), 0, 6)
        y = convolve(arrays, f"b{number}.project", y)
        return y + x if y.shape == x.shape else y

    x = np.clip(convolve(arrays, "stem", (255 * np.moveaxis(rgb, 2, 0) - 127) / 128, 2), 0, 6)
    seen = []
    for number in range(sum(name.endswith("depthwise.bias") for name in arrays)):
        x = apply_block(number, x)
        seen.append(x)
    return seen


def enlarge(x, larger):
    return np.stack([cv2.resize(each, larger.shape[:0:-1]) for each in x])


def join(arrays, name, x, larger):
    return np.maximum(convolve(arrays, name, np.concatenate([enlarge(x, larger), larger])), 0)


def stretch(maps):
    """Maps of the pixels 0, 2, 4... for all pixels: the others lie between."""
    places = np.meshgrid(*(np.arange(2 * side) / 2 for side in maps.shape[1:]), indexing="ij")
    return np.stack([map_coordinates(each, places, order=1, mode="nearest") for each in maps])
