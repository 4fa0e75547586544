"""The network that sees borders: its arithmetic, sides of any length, and what it says of plain pictures."""

from __future__ import annotations

from importlib.resources import files

import cv2
import numpy as np
import pytest
from region_pictures import draw_quarters
from scipy.ndimage import correlate, map_coordinates

from segment.segmenter.regions import border_network
from segment.segmenter.regions.border_network import BorderNetwork, load_border_network

# Channels in and out of each layer of a small network of the same plan.
LAYERS = {
    **{"e1.0": (3, 2), "e1.1": (2, 2), "e2.0": (2, 3), "e3.0": (3, 4), "e4.0": (4, 5), "e5.0": (5, 5)},
    **{f"{stage}.{part}": (n, n) for stage, n in (("e2.1", 3), ("e3.1", 4)) for part in "ab"},
    **{f"{stage}.{part}": (5, 5) for stage in ("e4.1", "e4.2", "e5.1", "e5.2") for part in "ab"},
    **{"d4": (10, 5), "d3": (9, 4), "d2": (7, 3), "pre": (5, 3)},
}


@pytest.fixture(scope="module")
def arrays():
    rng = np.random.default_rng(0)
    found = {}
    for name, (n_in, n_out) in LAYERS.items():
        found[f"{name}.weight"] = rng.normal(0, 0.3, (n_out, n_in, 3, 3))
        found[f"{name}.bias"] = rng.normal(0, 0.3, n_out)
    for name, n_in, n_out in (("g", 5, 5), ("out", 3, 16)):
        found[f"{name}.weight"], found[f"{name}.bias"] = (
            rng.normal(0, 0.5, (n_out, n_in, 1, 1)),
            rng.normal(0, 1, n_out),
        )
    return found


def run_plainly(arrays, rgb):
    """The same network, a channel at a time, on an image whose sides are multiples of 16."""

    def convolve(name, x, stride=1, dilation=1):
        weight = np.zeros((*arrays[f"{name}.weight"].shape[:2], 2 * dilation + 1, 2 * dilation + 1))
        weight[:, :, ::dilation, ::dilation] = arrays[f"{name}.weight"]
        sums = [sum(correlate(c, w, mode="constant") for c, w in zip(x, each, strict=True)) for each in weight]
        return np.stack(sums)[:, ::stride, ::stride] + arrays[f"{name}.bias"][:, None, None]

    def rectify(name, x, **settings):
        return np.maximum(convolve(name, x, **settings), 0)

    def residual(name, x, dilation=1):
        return np.maximum(x + convolve(f"{name}.b", rectify(f"{name}.a", x, dilation=dilation)), 0)

    def multiply(name, x):
        return np.tensordot(arrays[f"{name}.weight"][:, :, 0, 0], x, 1) + arrays[f"{name}.bias"][:, None, None]

    def join(x, larger):
        return np.concatenate([[cv2.resize(each, larger.shape[:0:-1]) for each in x], larger])

    a = rectify("e1.1", rectify("e1.0", (np.moveaxis(rgb, 2, 0) - 0.45) / 0.25))
    b = residual("e2.1", rectify("e2.0", a, stride=2))
    c = residual("e3.1", rectify("e3.0", b, stride=2))
    d = residual("e4.2", residual("e4.1", rectify("e4.0", c, stride=2)), dilation=2)
    e = residual("e5.2", residual("e5.1", rectify("e5.0", d, stride=2)), dilation=2)
    e = e + multiply("g", e.mean(axis=(1, 2), keepdims=True))
    b = rectify("d2", join(rectify("d3", join(rectify("d4", join(e, d)), c)), b))
    halved = (a[:, ::2, ::2] + a[:, 1::2, ::2] + a[:, ::2, 1::2] + a[:, 1::2, 1::2]) / 4
    odds = multiply("out", rectify("pre", np.concatenate([b, halved])))
    largest = odds.reshape(4, 4, *odds.shape[1:]).max(axis=1)
    # The network speaks of the pixels 0, 2, 4...; the others lie between.
    rows, columns = (np.arange(side) / 2 for side in rgb.shape[:2])
    return np.stack(
        [map_coordinates(each, np.meshgrid(rows, columns, indexing="ij"), order=1, mode="nearest") for each in largest]
    )


@pytest.mark.parametrize("strip", [200, 300_000])
def test_the_network_is_the_plain_one(arrays, monkeypatch, strip):
    monkeypatch.setattr(border_network, "_STRIP_VALUES", strip)
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
    assert seen[0][1] * seen[0][2] == 4096


def test_the_learned_network_sees_the_borders_of_quarters():
    odds = load_border_network().compute_log_odds(draw_quarters(64, 96).astype(np.float32) / 255)
    # The borders lie between rows 20 and 21 and between columns 47 and 48.
    inside = odds[:2, 28:60, 10:36].max(), odds[:2, 28:60, 60:86].max()
    assert odds[:2, 28:56, 47:49].max(axis=2).min() > 0 > -1 > max(inside)
    assert odds[:2, 20:22, 60:88].max(axis=1).min() > 0


def test_the_learned_weights_are_small_and_read_once():
    assert load_border_network() is load_border_network()
    file = files("segment.segmenter.regions").joinpath("border_network.npz")
    with file.open("rb") as opened, np.load(opened) as arrays:
        assert {arrays[name].dtype for name in arrays if name.endswith("weight")} == {np.dtype(np.float16)}
    assert len(file.read_bytes()) < 1_000_000
