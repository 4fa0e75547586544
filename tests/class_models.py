"""Class models for tests: one that is always the same, and any that can be."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from segment.mixture.model import MixtureModel
from segment.segmenter.class_model.class_model import ClassModel
from segment.segmenter.class_model.training import Training


def make_class_model() -> ClassModel:
    """Make a model of four RGB classes of one component each, from dark to bright."""
    means = np.array([[30.0, 40.0, 50.0], [90.0, 80.0, 70.0], [150.0, 160.0, 140.0], [220.0, 210.0, 230.0]])
    root = np.array([[5.0, 0.0, 0.0], [2.0, 4.0, 0.0], [1.0, -1.0, 3.0]])
    covariances = root @ root.T * np.arange(1.0, 5.0)[:, None, None]
    return ClassModel(
        mixture=MixtureModel(np.array([0.1, 0.2, 0.3, 0.4]), means, covariances),
        groups=np.arange(4),
        names=tuple(f"class {label}" for label in range(1, 5)),
        features="rgb",
        n_channels=3,
        dtype="uint8",
        black=0,
        white=255,
        preprocessing={},
        training=Training(images=2, pixels=60000, log_likelihood=-10.25, lowest_log_likelihood=-11.5),
    )


@st.composite
def draw_class_models(draw: st.DrawFn) -> ClassModel:
    """Draw any model: random parameters of every covariance type, space, depth and name."""
    space, n_channels = draw(st.sampled_from(["lab", "rgb", "hsv", "intensity"])), draw(st.sampled_from([1, 3]))
    d = 3 if n_channels == 3 and space != "intensity" else 1
    k, kind = draw(st.integers(1, 6)), draw(st.sampled_from(["full", "tied", "diag", "spherical"]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    weights = rng.dirichlet(np.full(k, 0.3))
    roots = rng.normal(size=(k, d, d)) * 10.0 ** rng.integers(-4, 4)
    covariances = roots @ np.swapaxes(roots, 1, 2) + 1e-3 * np.eye(d) * (roots**2).mean()
    if kind == "tied":
        covariances[:] = covariances[0]
    if kind in ("diag", "spherical"):
        covariances = covariances * np.eye(d)
    if kind == "spherical":
        covariances = covariances[:, :1, :1] * np.eye(d)
    groups = np.cumsum([0, *draw(st.lists(st.integers(0, 1), min_size=k - 1, max_size=k - 1))])
    n_classes = int(groups[-1]) + 1
    black, white = sorted(draw(st.lists(st.floats(-1e30, 1e30), min_size=2, max_size=2, unique=True)))
    numbers = st.floats(-1e9, 1e9)
    words = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=20)
    return ClassModel(
        mixture=MixtureModel(weights, rng.normal(0, 100, (k, d)), covariances, kind),
        groups=groups,
        names=tuple(draw(st.lists(words, min_size=n_classes, max_size=n_classes, unique=True))),
        features=space,
        n_channels=n_channels,
        dtype=draw(st.sampled_from(["uint8", "uint16", "float32"])),
        black=black,
        white=white,
        preprocessing={
            "denoise": draw(st.sampled_from(["none", "median"])),
            "denoise_radius": draw(st.floats(0, 0.02)),
        },
        training=Training(
            draw(st.integers(1, 99)), draw(st.integers(1, 2**40)), draw(numbers), draw(numbers), ("a note",)
        ),
    )
