"""The network that describes places: its arithmetic, images of any shape, and what it says of plain pictures."""

from __future__ import annotations

from importlib.resources import files

import cv2
import numpy as np
import pytest
from plain_networks import convolve, enlarge, join, make_arrays, run_encoder, stretch

from segment.segmenter.regions.descriptor_network import DescriptorNetwork, load_descriptor_network

# Channels in and out, and the side, of the decoder's layers.
LAYERS = {"f": (7, 5, 1), "e": (4, 5, 1), "g": (5, 5, 1), "d4": (8, 5, 3), "d3": (9, 4, 3), "z": (4, 16, 1)}


@pytest.fixture(scope="module")
def arrays():
    return make_arrays(16, LAYERS)


def run_plainly(arrays, rgb):
    """The same network on an image whose sides are multiples of 32: at half the size."""
    seen = run_encoder(arrays, rgb)
    x = np.maximum(convolve(arrays, "e", seen[10]) + enlarge(convolve(arrays, "f", seen[15]), seen[10]), 0)
    x = x + convolve(arrays, "g", x.mean(axis=(1, 2), keepdims=True))
    x = join(arrays, "d3", join(arrays, "d4", x, seen[4]), seen[2])
    return stretch(convolve(arrays, "z", x))


def test_the_network_is_the_plain_one(arrays):
    rgb = np.random.default_rng(1).random((64, 96, 3)).astype(np.float32)
    found = DescriptorNetwork(arrays).compute_descriptors(rgb)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, run_plainly(arrays, rgb.astype(np.float64)), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("shape", "seen"),
    [
        ((40, 90), (32, 96)),
        ((600, 400), (320, 224)),
        ((1, 900), (32, 896)),
        ((3, 8000), (32, 2240)),
        ((1, 1), (32, 32)),
    ],
)
def test_an_image_is_seen_with_sides_that_are_multiples(arrays, monkeypatch, shape, seen):
    rgb = np.random.default_rng(2).random((*shape, 3)).astype(np.float32)
    is_smaller = seen[0] * seen[1] < shape[0] * shape[1]
    resized = cv2.resize(rgb, seen[::-1], interpolation=cv2.INTER_AREA if is_smaller else cv2.INTER_LINEAR)
    run, taken = DescriptorNetwork._run, []
    monkeypatch.setattr(DescriptorNetwork, "_run", lambda self, x: taken.append(x) or run(self, x))
    found = DescriptorNetwork(arrays).compute_descriptors(rgb)
    np.testing.assert_array_equal(taken[0], resized)
    assert found.shape == (16, -(-shape[0] // 2), -(-shape[1] // 2))
    assert np.isfinite(found).all()


def test_the_learned_network_tells_sky_from_ground_wherever_they_lie(landscape):
    rgb = cv2.resize(cv2.imread(str(landscape))[..., ::-1], (320, 224)).astype(np.float32) / 255
    found = load_descriptor_network().compute_descriptors(rgb)
    left, right, low = found[:, 10, 20], found[:, 10, 140], found[:, 100, 80]
    assert ((left - right) ** 2).sum() < 0.5 * min(((left - low) ** 2).sum(), ((right - low) ** 2).sum())


def test_the_learned_weights_are_small_and_read_once():
    assert load_descriptor_network() is load_descriptor_network()
    assert len(files("segment.segmenter.regions").joinpath("descriptor_network.npz").read_bytes()) < 1_800_000
