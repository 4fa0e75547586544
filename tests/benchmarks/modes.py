"""Measure each mode of the engine beside scikit-learn, as a Markdown table.

Run ``python tests/benchmarks/modes.py PHOTOGRAPH``.

The photograph is resized to `--megapixels`. All fit the RGB values of all its pixels, in turns; the table has the
medians of the processor times, on one thread. Those of segment run from the pixels to the mixture, so they include the
search for the distinct colors, which have the scatter of quantization; those of scikit-learn are ``fit`` on float64
pixels, with its defaults except for k, covariance type and seed. Each mode searches for its own optimum as it does by
default in ``segment.fit_mixture``, with 80 starts as in ``segment run``; scikit-learn has one, from k-means.

Log likelihoods are nats a pixel on the same pixels, without the prior, so a prior lowers them. For Bayesian mixtures it
is that of the mean mixture; for missing values, which are a tenth of all numbers, that of the complete pixels. `-k
auto` is the choice of the number and the fit; its rival fits 1 to 12 components and takes the lowest BIC.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from common import describe_machine, format_table, take_turns
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from threadpoolctl import threadpool_limits

from segment import Image, MixtureModel, fit_mixture, load_image
from segment.features.color_index import ColorIndex
from segment.features.color_space import FeatureSpace
from segment.features.pixel_features import collect_cells
from segment.mixture.cells import Cells, make_distinct_cells
from segment.mixture.covariances import expand_covariances
from segment.mixture.selection import choose_n_components
from segment.mixture.variational_pruning import fit_variational_mixture

Pixels = NDArray[np.float64]
Run = Callable[[], tuple[float, int, float]]  # processor seconds, components, log likelihood a pixel

K = 4
MAX_COMPONENTS = 12
SHRINKAGE = 1.5
N_INDEPENDENT_PIXELS = 100.0  # that a typical photograph counts as


def main() -> None:
    """Measure every mode and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("image", type=Path, help="a photograph")
    parser.add_argument("--megapixels", type=float, default=0.25, help="its size [default: %(default)s]")
    parser.add_argument("--repeats", type=int, default=3, help="timings of each mode [default: %(default)s]")
    given = parser.parse_args()
    image = resize(load_image(given.image).pixels[..., :3], given.megapixels)
    pixels = image.pixels.reshape(-1, 3).astype(np.float64)
    modes = {**make_segment_modes(image, pixels), **make_scikit_learn_modes(pixels)}
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        results = take_turns(list(modes.values()), given.repeats, warm_up=False)
    rows = [
        [name, str(runs[0][1]), f"{statistics.median(run[0] for run in runs):.3f} s", f"{runs[0][2]:.4f}"]
        for name, runs in zip(modes, results, strict=True)
    ]
    print(f"Measured on {describe_machine()} {len(pixels):,} pixels; medians of {given.repeats}.\n")
    print(format_table(["mode", "components", "processor time", "log likelihood a pixel"], rows))


def make_segment_modes(image: Image, pixels: Pixels) -> dict[str, Run]:
    """Make the runs of each mode of segment, by name."""
    cells_of_image = collect_rgb_cells(image)

    def make_mode(**settings: Any) -> Run:
        def fit() -> MixtureModel:
            return fit_mixture(collect_rgb_cells(image), K, **{"n_init": 80, **settings}).model

        return time_segment(fit, cells_of_image)

    def fit_variational() -> MixtureModel:
        fit = fit_variational_mixture(collect_rgb_cells(image).scale_weights(N_INDEPENDENT_PIXELS), MAX_COMPONENTS)
        return fit.posterior.mixture.reorder(fit.active_components)

    def make_choice(criterion: str) -> Run:
        def fit() -> MixtureModel:
            cells = collect_rgb_cells(image)
            selection = choose_n_components(
                cells, (1, MAX_COMPONENTS), criterion=criterion, n_effective=N_INDEPENDENT_PIXELS
            )
            return fit_mixture(cells, selection.n_components, n_init=80, shrinkage=SHRINKAGE).model

        return time_segment(fit, cells_of_image)

    gaps = np.random.default_rng(0).random(pixels.shape) < 0.1

    def fit_missing() -> MixtureModel:
        return fit_mixture(make_distinct_cells(np.where(gaps, np.nan, pixels)), K, n_init=1).model

    return {
        "maximum likelihood": make_mode(),
        "the same without acceleration": make_mode(accelerate=False),
        "shrinkage 1.5": make_mode(shrinkage=SHRINKAGE),
        "conjugate prior": make_mode(prior="conjugate"),
        "tied": make_mode(covariance_type="tied"),
        "diag": make_mode(covariance_type="diag"),
        "spherical": make_mode(covariance_type="spherical"),
        "noise": make_mode(noise=True),
        "Student's tails": make_mode(tails="student"),
        "a tenth missing, 1 start": time_segment(fit_missing, cells_of_image),
        f"-k auto, BIC, 1 to {MAX_COMPONENTS}": make_choice("bic"),
        f"-k auto, variational, at most {MAX_COMPONENTS}": make_choice("variational"),
        f"variational Bayes, at most {MAX_COMPONENTS}": time_segment(fit_variational, cells_of_image),
    }


def make_scikit_learn_modes(pixels: Pixels) -> dict[str, Run]:
    """Make the runs of each mode of scikit-learn, by name."""

    def make_mode(covariance_type: str) -> Run:
        return time_scikit_learn(
            lambda: GaussianMixture(K, covariance_type=covariance_type, random_state=0).fit(pixels), pixels
        )

    def fit_least_bic() -> GaussianMixture:
        fits = [GaussianMixture(k, random_state=0).fit(pixels) for k in range(1, MAX_COMPONENTS + 1)]
        return min(fits, key=lambda fit: fit.bic(pixels))

    def make_bayesian_mode(k: int) -> Run:
        return time_scikit_learn(lambda: BayesianGaussianMixture(n_components=k, random_state=0).fit(pixels), pixels)

    return {
        **{f"scikit-learn GaussianMixture, {kind}": make_mode(kind) for kind in ("full", "tied", "diag", "spherical")},
        f"scikit-learn GaussianMixture, least BIC of 1 to {MAX_COMPONENTS}": time_scikit_learn(fit_least_bic, pixels),
        "scikit-learn BayesianGaussianMixture": make_bayesian_mode(K),
        f"scikit-learn BayesianGaussianMixture, at most {MAX_COMPONENTS}": make_bayesian_mode(MAX_COMPONENTS),
    }


def time_segment(fit: Callable[[], MixtureModel], cells: Cells) -> Run:
    """Make a run that times a fit of segment; the log likelihood is that of the cells as points, without scatter."""
    exact = Cells(cells.weights, cells.means, np.zeros_like(cells.scatters))

    def run() -> tuple[float, int, float]:
        begin = time.process_time()
        model = fit()
        seconds = time.process_time() - begin
        return seconds, model.n_components, float(np.average(model.score_samples(exact), weights=exact.weights))

    return run


def time_scikit_learn(fit: Callable[[], Any], pixels: Pixels) -> Run:
    """Make a run that times a fit of scikit-learn. Components with more than a thousandth of the pixels count."""

    def run() -> tuple[float, int, float]:
        begin = time.process_time()
        mixture = fit()
        seconds = time.process_time() - begin
        covariances = expand_covariances(mixture.covariances_, mixture.covariance_type, *mixture.means_.shape)
        model = MixtureModel(mixture.weights_, mixture.means_, covariances)
        return seconds, int((mixture.weights_ > 1e-3).sum()), float(model.score_samples(pixels).mean())

    return run


def collect_rgb_cells(image: Image) -> Cells:
    """Collect the distinct RGB colors of the image, with the scatter of quantization."""
    index = ColorIndex(image)
    space = FeatureSpace("rgb", index.n_channels, index.black, index.white)
    return collect_cells(space, index.iterate_parts(), exact=True)


def resize(pixels: NDArray[np.generic], megapixels: float) -> Image:
    """Resize the photograph to so many megapixels."""
    height, width = pixels.shape[:2]
    factor = (1e6 * megapixels / (height * width)) ** 0.5
    return Image.from_array(
        cv2.resize(pixels, (round(width * factor), round(height * factor)), interpolation=cv2.INTER_AREA)
    )


if __name__ == "__main__":
    main()
