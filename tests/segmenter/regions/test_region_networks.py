"""The networks that see borders and describe places: their arithmetic, sides of any length, plain pictures."""

from __future__ import annotations

from importlib.resources import files

import cv2
import numpy as np
import pytest
from plain_networks import convolve, enlarge, join, make_arrays, run_encoder, stretch
from region_pictures import draw_quarters

from segment.segmenter.regions import network_layers, region_networks
from segment.segmenter.regions.region_networks import (
    BorderNetwork,
    DescriptorNetwork,
    load_border_network,
    load_descriptor_network,
)

# Channels in and out, and the side, of the decoder's layers.
BORDER_LAYERS = {
    **{"e": (4, 5, 1), "g": (5, 5, 1), "d4": (8, 5, 3), "d3": (9, 4, 3), "d2": (6, 3, 3)},
    **{"pre": (3, 3, 3), "out": (3, 16, 1)},
}
DESCRIPTOR_LAYERS = {"f": (7, 5, 1), "e": (4, 5, 1), "g": (5, 5, 1), "d4": (8, 5, 3), "d3": (9, 4, 3), "z": (4, 16, 1)}


@pytest.fixture(scope="module")
def border_arrays():
    return make_arrays(11, BORDER_LAYERS)


@pytest.fixture(scope="module")
def descriptor_arrays():
    return make_arrays(16, DESCRIPTOR_LAYERS)


def run_border_plainly(arrays, rgb):
    """The network that sees borders on an image whose sides are multiples of 16."""
    seen = run_encoder(arrays, rgb)
    x = np.maximum(convolve(arrays, "e", seen[10]), 0)
    x = x + convolve(arrays, "g", x.mean(axis=(1, 2), keepdims=True))
    for name, block in (("d4", 4), ("d3", 2), ("d2", 0)):
        x = join(arrays, name, x, seen[block])
    odds = convolve(arrays, "out", np.maximum(convolve(arrays, "pre", x), 0))
    return stretch(odds.reshape(4, 4, *odds.shape[1:]).max(axis=1))


@pytest.mark.parametrize("strip", [200, 300_000])
def test_the_border_network_is_the_plain_one(border_arrays, monkeypatch, strip):
    monkeypatch.setattr(network_layers, "_STRIP_VALUES", strip)
    rgb = np.random.default_rng(1).random((48, 64, 3)).astype(np.float32)
    found = BorderNetwork(border_arrays).compute_log_odds(rgb)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, run_border_plainly(border_arrays, rgb.astype(np.float64)), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", [(33, 47), (5, 70), (1, 1)])
def test_an_image_goes_on_as_its_reflection(border_arrays, shape):
    rgb = np.random.default_rng(2).random((*shape, 3))
    padded = np.pad(rgb, ((0, -shape[0] % 16), (0, -shape[1] % 16), (0, 0)), mode="symmetric")
    whole = run_border_plainly(border_arrays, padded)
    found = BorderNetwork(border_arrays).compute_log_odds(rgb.astype(np.float32))
    np.testing.assert_allclose(found, whole[:, : shape[0], : shape[1]], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", [(1, 901), (901, 2)])
def test_a_narrow_image_does_not_become_many_times_larger(border_arrays, monkeypatch, shape):
    monkeypatch.setattr(region_networks, "_MAX_BORDER_PIXELS", 4096)
    seen = []
    run = BorderNetwork._run
    monkeypatch.setattr(BorderNetwork, "_run", lambda self, x: seen.append(x.shape) or run(self, x))
    rgb = np.random.default_rng(3).random((*shape, 3)).astype(np.float32)
    found = BorderNetwork(border_arrays).compute_log_odds(rgb)
    assert found.shape == (4, *shape)
    assert seen[0][0] * seen[0][1] == 4096


def test_the_learned_border_network_sees_the_borders_of_quarters():
    odds = load_border_network().compute_log_odds(draw_quarters(64, 96).astype(np.float32) / 255)
    # The borders lie between rows 20 and 21 and between columns 47 and 48.
    inside = odds[:2, 28:60, 10:36].max(), odds[:2, 28:60, 60:86].max()
    assert odds[:2, 28:56, 47:49].max(axis=2).min() > 0 > -1 > max(inside)
    assert odds[:2, 20:22, 60:88].max(axis=1).min() > 0


def test_integer_weights_have_a_scale_for_each_output(border_arrays):
    rounded, plain = dict(border_arrays), dict(border_arrays)
    for name in ("stem", "b4.expand", "b4.depthwise", "d3"):
        weight = border_arrays[f"{name}.weight"]
        scale = np.abs(weight).max(axis=(1, 2, 3)) / 127
        rounded[f"{name}.weight"] = np.round(weight / scale[:, None, None, None]).astype(np.int8)
        rounded[f"{name}.scale"] = scale
        plain[f"{name}.weight"] = rounded[f"{name}.weight"] * scale[:, None, None, None]
    rgb = np.random.default_rng(4).random((16, 16, 3)).astype(np.float32)
    found, expected = (BorderNetwork(each).compute_log_odds(rgb) for each in (rounded, plain))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def run_descriptor_plainly(arrays, rgb):
    """The network that describes places on an image whose sides are multiples of 32: at half the size."""
    seen = run_encoder(arrays, rgb)
    x = np.maximum(convolve(arrays, "e", seen[10]) + enlarge(convolve(arrays, "f", seen[15]), seen[10]), 0)
    x = x + convolve(arrays, "g", x.mean(axis=(1, 2), keepdims=True))
    x = join(arrays, "d3", join(arrays, "d4", x, seen[4]), seen[2])
    return stretch(convolve(arrays, "z", x))


def test_the_descriptor_network_is_the_plain_one(descriptor_arrays):
    rgb = np.random.default_rng(1).random((64, 96, 3)).astype(np.float32)
    found = DescriptorNetwork(descriptor_arrays).compute_descriptors(rgb)
    assert found.dtype == np.float32
    expected = run_descriptor_plainly(descriptor_arrays, rgb.astype(np.float64))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


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
def test_an_image_is_seen_with_sides_that_are_multiples(descriptor_arrays, monkeypatch, shape, seen):
    rgb = np.random.default_rng(2).random((*shape, 3)).astype(np.float32)
    is_smaller = seen[0] * seen[1] < shape[0] * shape[1]
    resized = cv2.resize(rgb, seen[::-1], interpolation=cv2.INTER_AREA if is_smaller else cv2.INTER_LINEAR)
    run, taken = DescriptorNetwork._run, []
    monkeypatch.setattr(DescriptorNetwork, "_run", lambda self, x: taken.append(x) or run(self, x))
    found = DescriptorNetwork(descriptor_arrays).compute_descriptors(rgb)
    np.testing.assert_array_equal(taken[0], resized)
    assert found.shape == (16, -(-shape[0] // 2), -(-shape[1] // 2))
    assert np.isfinite(found).all()


def test_the_learned_descriptor_network_tells_sky_from_ground_wherever_they_lie(landscape):
    rgb = cv2.resize(cv2.imread(str(landscape))[..., ::-1], (320, 224)).astype(np.float32) / 255
    found = load_descriptor_network().compute_descriptors(rgb)
    left, right, low = found[:, 10, 20], found[:, 10, 140], found[:, 100, 80]
    assert ((left - right) ** 2).sum() < 0.5 * min(((left - low) ** 2).sum(), ((right - low) ** 2).sum())


@pytest.mark.parametrize(
    ("load", "name", "size"),
    [
        (load_border_network, "border_network.npz", 1_000_000),
        (load_descriptor_network, "descriptor_network.npz", 1_800_000),
    ],
)
def test_the_learned_weights_are_small_and_read_once(load, name, size):
    assert load() is load()
    file = files("segment.segmenter.regions").joinpath(name)
    assert len(file.read_bytes()) < size


def test_the_weights_that_see_borders_are_half_floats_and_bytes():
    file = files("segment.segmenter.regions").joinpath("border_network.npz")
    with file.open("rb") as opened, np.load(opened) as arrays:
        types = {arrays[name].dtype for name in arrays if name.endswith("weight")}
    assert types == {np.dtype(np.float16), np.dtype(np.int8)}
