"""Label images of noise, cleaned up window by window."""

from __future__ import annotations

import numpy as np
import pytest

from segment.postprocessor import postprocessor, windows
from segment.postprocessor.color_evidence import ColorEvidence
from segment.postprocessor.postprocessor import postprocess
from segment.postprocessor.windows import clean_in_windows, compute_reach, is_noise


@pytest.fixture
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "MAX_RUNS", 100)
    monkeypatch.setattr(windows, "CHUNK_PIXELS", 4000)


def make_noise(rng: np.random.Generator, shape: tuple[int, int], k: int = 3) -> np.ndarray:
    return rng.integers(1, k + 1, shape).astype(np.uint8)


@pytest.mark.usefixtures("small_windows")
def test_noise_has_many_runs(rng: np.random.Generator) -> None:
    assert is_noise(make_noise(rng, (60, 50)))
    assert not is_noise(make_noise(rng, (10, 10)))
    assert not is_noise(np.repeat(make_noise(rng, (60, 5)), 20, axis=1))


@pytest.mark.parametrize("shape", [(150, 130), (3, 9000), (9000, 3)])
@pytest.mark.usefixtures("small_windows")
def test_each_window_is_seen_with_its_halo(rng: np.random.Generator, shape: tuple[int, int]) -> None:
    labels = make_noise(rng, shape)
    seen = np.zeros(shape, int)

    def clean(part: np.ndarray, row: int, column: int) -> np.ndarray:
        inside = np.s_[row : row + part.shape[0], column : column + part.shape[1]]
        np.testing.assert_array_equal(part, labels[inside])
        seen[inside] += 1
        # The sum over a window of 5 x 5, which is right where its halo was seen.
        padded = np.pad(part, 2)
        return sum(padded[y : y + part.shape[0], x : x + part.shape[1]] for y in range(5) for x in range(5))

    result = clean_in_windows(labels, 2, clean)
    np.testing.assert_array_equal(result, clean(labels, 0, 0))
    assert (seen >= 2).all()
    assert seen.max() <= 5


@pytest.mark.usefixtures("small_windows")
def test_noise_is_cleaned_as_if_it_were_not_cut(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = make_noise(rng, (200, 150))
    logs = np.log(rng.dirichlet([1, 1, 1], labels.size).astype(np.float32) + 1e-3)
    evidence = ColorEvidence(lambda at: (at, logs), np.asarray, n_classes=3, smoothness=2.0, scale=1.0)
    sizes = {"radius": 0, "min_region": 6 / labels.size, "max_hole": 20 / labels.size}
    for judge in (evidence, None):
        found = postprocess(labels, **sizes, evidence=judge).label_image
        with monkeypatch.context() as patch:
            patch.setattr(windows, "MAX_RUNS", 10**9)
            whole = postprocess(labels, **sizes, evidence=judge).label_image
        # A region that a window cuts may be judged in another way.
        assert np.mean(found == whole) > 0.99


def test_many_colors_in_many_classes_are_cleaned_in_windows(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = make_noise(rng, (400, 300))
    logs, asked = np.log(rng.dirichlet([1, 1, 1], labels.size).astype(np.float32) + 1e-3), []

    def find_colors(at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        asked.append(len(at))
        return np.arange(len(at)), logs[at]

    evidence = ColorEvidence(find_colors, np.asarray, n_classes=3, smoothness=2.0, scale=1.0)
    whole = postprocess(labels, radius=0, min_region=0, max_hole=0, evidence=evidence).label_image
    assert len(asked) == 1
    monkeypatch.setattr(postprocessor, "MAX_VALUES", labels.size)
    found = postprocess(labels, radius=0, min_region=0, max_hole=0, evidence=evidence).label_image
    assert len(asked) > 3
    assert np.mean(found == whole) > 0.99
    assert np.count_nonzero(whole != labels) > 1000


def test_the_reach_grows_with_the_disc_and_the_region() -> None:
    assert compute_reach(0, 0) < compute_reach(3, 0) < compute_reach(3, 100)
