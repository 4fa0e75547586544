"""The network that sees borders: its arithmetic, sides of any length, and what it says of plain pictures."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pytest
from plain_networks import convolve, join, make_arrays, run_encoder, stretch
from region_pictures import draw_quarters

from segment.segmenter.regions import border_network, network_layers
from segment.segmenter.regions.border_network import BorderNetwork, load_border_network

# Channels in and out, and the side, of the decoder's layers.
LAYERS = {
    **{"e": (4, 5, 1), "g": (5, 5, 1), "d4": (8, 5, 3), "d3": (9, 4, 3), "d2": (6, 3, 3)},
    **{"pre": (3, 3, 3), "out": (3, 16, 1)},
}


@pytest.fixture(scope="module")
def arrays():
    return make_arrays(11, LAYERS)


def run_plainly(arrays, rgb):
    """The same network on an image whose sides are multiples of 16."""
    seen = run_encoder(arrays, rgb)
    x = np.maximum(convolve(arrays, "e", seen[10]), 0)
    x = x + convolve(arrays, "g", x.mean(axis=(1, 2), keepdims=True))
    for name, block in (("d4", 4), ("d3", 2), ("d2", 0)):
        x = join(arrays, name, x, seen[block])
    odds = convolve(arrays, "out", np.maximum(convolve(arrays, "pre", x), 0))
    return stretch(odds.reshape(4, 4, *odds.shape[1:]).max(axis=1))


@pytest.mark.parametrize("strip", [200, 300_000])
def test_the_network_is_the_plain_one(arrays, monkeypatch, strip):
    monkeypatch.setattr(network_layers, "_STRIP_VALUES", strip)
    rgb = np.random.default_rng(1).random((48, 64, 3)).astype(np.float32)
    found = BorderNetwork(arrays).compute_log_odds(rgb)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, run_plainly(arrays, rgb.astype(np.float64)), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", [(33, 47), (5, 70), (1, 1)])
def test_an_image_goes_on_as_its_reflection(arrays, shape):
    rgb = np.random.default_rng(2).random((*shape, 3))
    padded = np.pad(rgb, ((0, -shape[0] % 16), (0, -shape[1] % 16), (0, 0)), mode="symmetric")
    whole = run_plainly(arrays, padded)
    found = BorderNetwork(arrays).compute_log_odds(rgb.astype(np.float32))
    np.testing.assert_allclose(found, whole[:, : shape[0], : shape[1]], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", [(1, 901), (901, 2)])
def test_a_narrow_image_does_not_become_many_times_larger(arrays, monkeypatch, shape):
    monkeypatch.setattr(border_network, "_MAX_PIXELS", 4096)
    seen = []
    run = BorderNetwork._run
    monkeypatch.setattr(BorderNetwork, "_run", lambda self, x: seen.append(x.shape) or run(self, x))
    found = BorderNetwork(arrays).compute_log_odds(np.random.default_rng(3).random((*shape, 3)).astype(np.float32))
    assert found.shape == (4, *shape)
    assert seen[0][0] * seen[0][1] == 4096


def test_the_learned_network_sees_the_borders_of_quarters():
    odds = load_border_network().compute_log_odds(draw_quarters(64, 96).astype(np.float32) / 255)
    # The borders lie between rows 20 and 21 and between columns 47 and 48.
    inside = odds[:2, 28:60, 10:36].max(), odds[:2, 28:60, 60:86].max()
    assert odds[:2, 28:56, 47:49].max(axis=2).min() > 0 > -1 > max(inside)
    assert odds[:2, 20:22, 60:88].max(axis=1).min() > 0


def test_integer_weights_have_a_scale_for_each_output(arrays):
    rounded, plain = dict(arrays), dict(arrays)
    for name in ("stem", "b4.expand", "b4.depthwise", "d3"):
        weight = arrays[f"{name}.weight"]
        scale = np.abs(weight).max(axis=(1, 2, 3)) / 127
        rounded[f"{name}.weight"] = np.round(weight / scale[:, None, None, None]).astype(np.int8)
        rounded[f"{name}.scale"] = scale
        plain[f"{name}.weight"] = rounded[f"{name}.weight"] * scale[:, None, None, None]
    rgb = np.random.default_rng(4).random((16, 16, 3)).astype(np.float32)
    found, expected = (BorderNetwork(each).compute_log_odds(rgb) for each in (rounded, plain))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_the_learned_weights_are_small_and_read_once():
    assert load_border_network() is load_border_network()
    file = files("segment.segmenter.regions").joinpath("border_network.npz")
    with file.open("rb") as opened, np.load(opened) as arrays:
        types = {arrays[name].dtype for name in arrays if name.endswith("weight")}
    assert types == {np.dtype(np.float16), np.dtype(np.int8)}
    assert len(file.read_bytes()) < 1_000_000
