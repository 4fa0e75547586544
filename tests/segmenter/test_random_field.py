"""The random field: against enumeration, by its laws, and in the pipeline."""

from __future__ import annotations

import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image as PilImage
from scipy.ndimage import gaussian_filter

import segment
from segment.core.errors import SettingsError
from segment.segmenter.field.random_field import (
    RandomField,
    carried,
    free_energy,
    iterated_conditional_modes,
    mean_field,
    posteriors,
)

Planes = NDArray[np.float32]


def coupling(field: RandomField) -> NDArray[np.float64]:
    """The weights w_ij of all pairs of pixels, (n, n), from their definition."""
    height, width = field.carry.shape
    taps = {1: [1, 2, 1], 2: [1, 4, 6, 4, 1]}[field.reach]
    kernel = np.outer(taps, taps).astype(float)
    kernel[field.reach, field.reach] = 0
    kernel /= kernel.sum()
    places = list(itertools.product(range(height), range(width)))
    weights = np.zeros((len(places), len(places)))
    for (i, a), (j, b) in itertools.product(enumerate(places), repeat=2):
        off = (b[0] - a[0] + field.reach, b[1] - a[1] + field.reach)
        if all(0 <= o <= 2 * field.reach for o in off):
            weights[i, j] = field.smoothness * field.carry[a] * field.carry[b] * kernel[off]
    return weights


def enumerated(log_joint: Planes, field: RandomField) -> tuple[Planes, NDArray[np.intp], float]:
    """Exact marginals (k, H, W), the most probable labels (H, W) and the log of the sum over all labelings."""
    k, height, width = log_joint.shape
    flat, weights = log_joint.reshape(k, -1).astype(float), coupling(field)
    labelings = np.array(list(itertools.product(range(k), repeat=height * width)))
    logs = flat[labelings, np.arange(height * width)].sum(axis=1)
    logs += [np.triu(weights * (z[:, None] == z), 1).sum() for z in labelings]
    chances = np.exp(logs - logs.max())
    total = float(logs.max() + np.log(chances.sum()))
    chances /= chances.sum()
    marginals = np.stack([chances @ (labelings == c) for c in range(k)])
    return marginals.reshape(log_joint.shape), labelings[logs.argmax()].reshape(height, width), total


def some(seed: int, k: int, height: int, width: int, smoothness: float, reach: int = 1) -> tuple[Planes, RandomField]:
    rng = np.random.default_rng(seed)
    log_joint = (2 * rng.standard_normal((k, height, width))).astype(np.float32)
    return log_joint, RandomField(rng.uniform(0.3, 1, (height, width)).astype(np.float32), smoothness, reach)


def test_agreement_is_the_sum_over_the_neighbors() -> None:
    log_joint, field = some(0, 3, 5, 4, 2.5, reach=2)
    q = posteriors(log_joint)
    expected = (q.reshape(3, -1) @ coupling(field)).reshape(q.shape)
    np.testing.assert_allclose(field.agreement(q), expected, atol=1e-5)


def test_all_neighbors_of_one_class_give_the_smoothness() -> None:
    field = RandomField(np.ones((9, 9), np.float32), 7.0, 2)
    assert field.agreement(np.ones((1, 9, 9), np.float32))[0, 4, 4] == pytest.approx(7, rel=1e-5)


@pytest.mark.parametrize(("k", "height", "width"), [(2, 3, 3), (3, 2, 4), (2, 1, 7), (4, 1, 1)])
@pytest.mark.parametrize("seed", range(3))
def test_against_enumeration(k: int, height: int, width: int, seed: int) -> None:
    log_joint, field = some(seed, k, height, width, 0.5)
    exact, best, log_sum = enumerated(log_joint, field)
    q = mean_field(log_joint, field, n_iter=200)
    alone = np.abs(posteriors(log_joint) - exact).max()
    assert np.abs(q - exact).max() <= max(0.02, alone / 3)  # the approximation's own error, of second order
    assert -free_energy(q, log_joint, field) <= log_sum + 1e-4  # a lower bound
    labels = iterated_conditional_modes(log_joint, field)
    value = _log_probability(labels, log_joint, field)
    assert value <= _log_probability(best, log_joint, field) + 1e-4
    for at in np.ndindex(height, width):  # no single change is better
        for c in range(k):
            other = labels.copy()
            other[at] = c
            assert _log_probability(other, log_joint, field) <= value + 1e-4


def _log_probability(labels: NDArray[np.intp], log_joint: Planes, field: RandomField) -> float:
    flat = labels.ravel()
    own = log_joint.reshape(len(log_joint), -1)[flat, np.arange(flat.size)].sum()
    return float(own + np.triu(coupling(field) * (flat[:, None] == flat), 1).sum())


def test_without_noise_the_modes_are_those_of_enumeration() -> None:
    log_joint = np.zeros((2, 3, 4), np.float32)
    log_joint[0, :, :2] = log_joint[1, :, 2:] = 3
    log_joint[:, 1, 1] = (0.0, 0.5)  # one pixel that its neighbors outvote
    field = RandomField(np.ones((3, 4), np.float32), 4.0, 1)
    _, best, _ = enumerated(log_joint, field)
    assert best.tolist() == [[0, 0, 1, 1]] * 3
    np.testing.assert_array_equal(iterated_conditional_modes(log_joint, field), best)
    np.testing.assert_array_equal(mean_field(log_joint, field, n_iter=50).argmax(axis=0), best)


@given(
    seed=st.integers(0, 1000),
    k=st.integers(1, 4),
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    smoothness=st.floats(0, 40),
    reach=st.integers(1, 3),
)
def test_the_free_energy_never_rises(seed: int, k: int, height: int, width: int, smoothness: float, reach: int) -> None:
    log_joint, field = some(seed, k, height, width, smoothness, reach)
    q = posteriors(log_joint)
    energies = [free_energy(q, log_joint, field)]
    for _ in range(6):
        q = mean_field(log_joint, field, n_iter=1, start=q)
        np.testing.assert_allclose(q.sum(axis=0), 1, atol=1e-5)
        energies.append(free_energy(q, log_joint, field))
    assert np.diff(energies).max() <= 1e-5 * (1 + np.abs(energies).max())


def test_it_stands_still_where_the_mean_field_equations_hold() -> None:
    log_joint, field = some(1, 3, 12, 10, 6.0, reach=2)
    q = mean_field(log_joint, field, n_iter=300)
    np.testing.assert_allclose(q, posteriors(log_joint + field.agreement(q)), atol=1e-4)


def test_strips_and_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    log_joint, field = some(2, 3, 150, 40, 8.0, reach=2)
    found = mean_field(log_joint, field, n_iter=5)
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    np.testing.assert_array_equal(mean_field(log_joint, field, n_iter=5), found)
    monkeypatch.setattr("segment.segmenter.field.random_field._ROWS", 150)
    np.testing.assert_allclose(mean_field(log_joint, field, n_iter=5), found, atol=1e-5)


def test_pixels_that_are_not_valid_neither_get_nor_give_agreement() -> None:
    log_joint, _ = some(3, 2, 8, 8, 0)
    valid = np.ones((8, 8), bool)
    valid[:, 4] = valid[:, 5] = False
    field = RandomField(carried(valid), 10.0, 2)
    q = mean_field(log_joint, field, n_iter=20)
    np.testing.assert_allclose(q[:, ~valid], posteriors(log_joint)[:, ~valid], atol=1e-6)
    changed = log_joint.copy()
    changed[:, ~valid] = 50 * np.random.default_rng(0).standard_normal((2, 16))
    changed[:, :, 6:] = 7.0
    np.testing.assert_array_equal(mean_field(changed, field, n_iter=20)[..., :4], q[..., :4])


def test_an_edge_and_a_map_lessen_the_agreement() -> None:
    valid = np.ones((2, 2), bool)
    edges = np.array([[0, 1], [3, 0]], np.float32)
    np.testing.assert_allclose(carried(valid, edges), [[1, 0.5], [0.25, 1]])
    np.testing.assert_allclose(carried(valid, None, np.full((2, 2), 0.25)), 0.5)
    with pytest.raises(SettingsError, match=r"smoothness_map: numbers from 0 to 1 of shape \(2, 2\)"):
        carried(valid, None, np.ones((3, 2)))


@pytest.mark.parametrize(
    ("carry", "smoothness", "reach"), [(np.ones((2, 2)), -1, 1), (np.ones((2, 2)), 1, 0), (np.full((2, 2), 2), 1, 1)]
)
def test_settings_out_of_range(carry: NDArray[np.float64], smoothness: float, reach: int) -> None:
    with pytest.raises(SettingsError):
        RandomField(carry.astype(np.float32), smoothness, reach)


def noisy(seed: int, size: int = 128, sigma: float = 0.2) -> tuple[Planes, NDArray[np.intp]]:
    """Four classes of gray in smooth areas under noise, and their true numbers in order of lightness."""
    rng = np.random.default_rng(seed)
    rough = gaussian_filter(rng.standard_normal((size, size)), 10.0, mode="reflect")
    truth = rng.permutation(4)[np.searchsorted(np.quantile(rough, [0.25, 0.5, 0.75]), rough)]
    return (truth / 3 + sigma * rng.standard_normal(truth.shape)).astype(np.float32), truth


def test_noise_is_seen_through() -> None:
    image, truth = noisy(0)
    plain = segment.segment_image(image, k=4, spatial="none").label_image
    found = segment.segment_image(image, k=4)
    bare = segment.segment_image(image, k=4, smooth_radius=0, min_region=0, max_hole=0).label_image
    assert np.mean(found.label_image - 1 != truth) < 0.03 < np.mean(plain - 1 != truth)
    assert np.mean(bare - 1 != truth) < 0.03
    assert found.posteriors().argmax(axis=2).tolist() == (bare - 1).tolist()


@pytest.fixture(scope="module")
def photograph() -> NDArray[np.uint8]:
    path = Path(__file__).parents[2] / "images" / "landscape.jpg"
    with PilImage.open(path) as image:
        return np.asarray(image)[:, :1400]


def test_the_same_photograph_has_the_same_segments_at_any_size(
    photograph: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segment.preprocessor.preprocessor.WORKING_PIXELS", 2**16)
    large = segment.segment_image(photograph, k=4).label_image
    for width in (350, 700):
        small = cv2.resize(photograph, (width, width * len(photograph) // 1400), interpolation=cv2.INTER_AREA)
        found = segment.segment_image(small, k=4).label_image
        again = cv2.resize(found, large.shape[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
        assert np.mean(again == large) > 0.98


def test_beyond_the_working_copy_borders_are_those_of_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segment.preprocessor.preprocessor.WORKING_PIXELS", 2**11)
    rows, columns = np.mgrid[:300, :400]
    truth = np.hypot(rows - 150, columns - 190) < 97.3
    rng = np.random.default_rng(0)
    values = np.where(truth, 200.0, 60.0) + 8 * rng.standard_normal(truth.shape)
    result = segment.segment_image(np.clip(values, 0, 255).astype(np.uint8), k=2, smooth_radius=0, min_region=0)
    np.testing.assert_array_equal(result.label_image, truth + 1)
    sure = result.posteriors()
    np.testing.assert_allclose(sure.sum(axis=2), 1, atol=1e-5)
    assert np.mean(sure.argmax(axis=2) == truth) > 0.999


def test_what_is_not_valid_gets_no_label(photograph: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segment.preprocessor.preprocessor.WORKING_PIXELS", 2**11)
    pixels = photograph[::10, ::10]
    valid = np.random.default_rng(0).random(pixels.shape[:2]) < 0.9
    valid[:20] = False
    result = segment.segment_image(segment.Image.from_array(pixels, valid=valid), k=3)
    np.testing.assert_array_equal(result.label_image > 0, valid)
    np.testing.assert_allclose(result.posteriors().sum(axis=2), valid, atol=1e-5)


@pytest.mark.parametrize(
    "settings",
    [
        {"noise": True},
        {"tails": "student"},
        {"features": "lab"},
        {"components_per_class": 2},
        {"covariance_type": "tied"},
        {"reject": 0.05},
        {"max_size": 60},
        {"k": "auto", "k_range": "2..3"},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_it_goes_with_the_other_settings(photograph: NDArray[np.uint8], settings: dict[str, object]) -> None:
    pixels = photograph[::12, ::12]
    wide = pixels.astype(np.uint16) * 257
    found = segment.segment_image(pixels, **{"k": 3, **settings})
    deep = segment.segment_image(wide, **{"k": 3, **settings})
    assert np.mean(found.label_image == deep.label_image) > 0.97
    again = segment.apply_classes(found.class_model, pixels)
    if "reject" not in settings:
        np.testing.assert_array_equal(again.label_image, found.label_image)
    else:
        assert 0 < found.rejected <= 0.05


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 1), (1, 40), (3, 3)])
def test_images_smaller_than_the_neighborhood(shape: tuple[int, int]) -> None:
    pixels = (np.arange(shape[0] * shape[1]) % 2 * 200).astype(np.uint8).reshape(shape)
    result = segment.segment_image(pixels, k=2, min_region=0, max_hole=0, smoothness=1)
    np.testing.assert_array_equal(result.label_image, (pixels > 100) + 1)


def test_one_class_and_one_pixel() -> None:
    flat = np.full((20, 30), 9, np.uint8)
    assert (segment.segment_image(flat, k=4).label_image == 1).all()
    alone = np.zeros((20, 30), bool)
    alone[7, 5] = True
    varied = np.random.default_rng(0).integers(0, 255, (20, 30), dtype=np.uint8)
    result = segment.segment_image(segment.Image.from_array(varied, valid=alone), k=4)
    np.testing.assert_array_equal(result.label_image, alone)


def test_a_map_of_the_smoothness_leaves_pixels_alone(photograph: NDArray[np.uint8]) -> None:
    from segment.features.color_index import ColorIndex
    from segment.segmenter.field.field_labels import CoherentLabels

    result = segment.segment_image(photograph[::8, ::8], k=4)
    working = result.working
    index = ColorIndex(working)
    free = np.ones(working.valid.shape)
    free[:, 80:] = 0
    settings = {"smoothness": 12.0, "smoothness_map": free}
    labels = CoherentLabels(result.model, result.groups, result.space, working, working.valid.shape, **settings)
    found = labels.of(working)
    colors = index.map_to_pixels(lambda some_: result.model.predict(result.space.make_cells(some_)) + 1)
    np.testing.assert_array_equal(found[:, 80:], colors[:, 80:])
    assert np.mean(found[:, :80] != colors[:, :80]) > 0.002
