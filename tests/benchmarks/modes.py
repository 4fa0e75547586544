"""Each mode of the engine beside scikit-learn, as a Markdown table: ``python tests/benchmarks/modes.py PHOTOGRAPH``.

The photograph is resized to `--megapixels`. All fit the RGB values of all its pixels and take turns; the medians of the
processor times are shown, on one thread. Those of segment run from the pixels to the mixture, so they hold the search
for the distinct colors, which carry the scatter of quantization; those of scikit-learn are ``fit`` on pixels that are
float64 already, with its defaults but for k, covariance type and seed. Each mode searches for its own optimum as it
does by default in ``segment.fit_mixture``, with 80 starts as in ``segment run``; scikit-learn has one, from k-means.

Log likelihoods are nats a pixel on the same pixels, without the prior, so a prior costs some. For Bayesian mixtures it
is that of the mean mixture; for missing values, which are a tenth of all numbers, that of the complete pixels.
`-k auto` is the choice of the number and the fit; its rival fits 1 to 12 components and takes the least BIC.
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
from common import machine, table, take_turns
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
MOST = 12
SHRINKAGE = 1.5
WORTH = 100.0  # independent pixels: what a typical photograph is worth


def main() -> None:
    """Measure every mode and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("image", type=Path, help="a photograph")
    parser.add_argument("--megapixels", type=float, default=0.25, help="its size [default: %(default)s]")
    parser.add_argument("--repeats", type=int, default=3, help="timings of each mode [default: %(default)s]")
    given = parser.parse_args()
    image = resized(load_image(given.image).pixels[..., :3], given.megapixels)
    pixels = image.pixels.reshape(-1, 3).astype(np.float64)
    modes = {**ours(image, pixels), **scikit_learns(pixels)}
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        results = take_turns(list(modes.values()), given.repeats, warm_up=False)
    rows = [
        [name, str(runs[0][1]), f"{statistics.median(run[0] for run in runs):.3f} s", f"{runs[0][2]:.4f}"]
        for name, runs in zip(modes, results, strict=True)
    ]
    print(f"Measured on {machine()} {len(pixels):,} pixels; medians of {given.repeats}.\n")
    print(table(["mode", "components", "processor time", "log likelihood a pixel"], rows))


def ours(image: Image, pixels: Pixels) -> dict[str, Run]:
    """The modes of segment by name."""
    every = rgb_cells(image)

    def mode(**settings: Any) -> Run:
        def fit() -> MixtureModel:
            return fit_mixture(rgb_cells(image), K, **{"n_init": 80, **settings}).model

        return timed(fit, every)

    def variational() -> MixtureModel:
        fit = fit_variational_mixture(rgb_cells(image).scale_weights(WORTH), MOST)
        return fit.posterior.mixture.reorder(fit.active_components)

    def chosen(criterion: str) -> Run:
        def fit() -> MixtureModel:
            cells = rgb_cells(image)
            selection = choose_n_components(cells, (1, MOST), criterion=criterion, n_effective=WORTH)
            return fit_mixture(cells, selection.n_components, n_init=80, shrinkage=SHRINKAGE).model

        return timed(fit, every)

    gaps = np.random.default_rng(0).random(pixels.shape) < 0.1

    def missing() -> MixtureModel:
        return fit_mixture(make_distinct_cells(np.where(gaps, np.nan, pixels)), K, n_init=1).model

    return {
        "maximum likelihood": mode(),
        "the same without acceleration": mode(accelerate=False),
        "shrinkage 1.5": mode(shrinkage=SHRINKAGE),
        "conjugate prior": mode(prior="conjugate"),
        "tied": mode(covariance_type="tied"),
        "diag": mode(covariance_type="diag"),
        "spherical": mode(covariance_type="spherical"),
        "noise": mode(noise=True),
        "Student's tails": mode(tails="student"),
        "a tenth missing, 1 start": timed(missing, every),
        f"-k auto, BIC, 1 to {MOST}": chosen("bic"),
        f"-k auto, variational, at most {MOST}": chosen("variational"),
        f"variational Bayes, at most {MOST}": timed(variational, every),
    }


def scikit_learns(pixels: Pixels) -> dict[str, Run]:
    """The modes of scikit-learn by name."""

    def mode(covariance_type: str) -> Run:
        return timed_on(lambda: GaussianMixture(K, covariance_type=covariance_type, random_state=0).fit(pixels), pixels)

    def least_bic() -> GaussianMixture:
        fits = [GaussianMixture(k, random_state=0).fit(pixels) for k in range(1, MOST + 1)]
        return min(fits, key=lambda fit: fit.bic(pixels))

    def bayesian(k: int) -> Run:
        return timed_on(lambda: BayesianGaussianMixture(n_components=k, random_state=0).fit(pixels), pixels)

    return {
        **{f"scikit-learn GaussianMixture, {kind}": mode(kind) for kind in ("full", "tied", "diag", "spherical")},
        f"scikit-learn GaussianMixture, least BIC of 1 to {MOST}": timed_on(least_bic, pixels),
        "scikit-learn BayesianGaussianMixture": bayesian(K),
        f"scikit-learn BayesianGaussianMixture, at most {MOST}": bayesian(MOST),
    }


def timed(fit: Callable[[], MixtureModel], cells: Cells) -> Run:
    """A run of segment; its log likelihood is that of the components alone, on the cells as points."""
    exact = Cells(cells.weights, cells.means, np.zeros_like(cells.scatters))

    def run() -> tuple[float, int, float]:
        begin = time.process_time()
        model = fit()
        seconds = time.process_time() - begin
        return seconds, model.n_components, float(np.average(model.score_samples(exact), weights=exact.weights))

    return run


def timed_on(fit: Callable[[], Any], pixels: Pixels) -> Run:
    """A run of scikit-learn. Components that hold a thousandth of the pixels count."""

    def run() -> tuple[float, int, float]:
        begin = time.process_time()
        mixture = fit()
        seconds = time.process_time() - begin
        covariances = expand_covariances(mixture.covariances_, mixture.covariance_type, *mixture.means_.shape)
        model = MixtureModel(mixture.weights_, mixture.means_, covariances)
        return seconds, int((mixture.weights_ > 1e-3).sum()), float(model.score_samples(pixels).mean())

    return run


def rgb_cells(image: Image) -> Cells:
    """The distinct RGB colors of the image, with the scatter of quantization."""
    index = ColorIndex(image)
    space = FeatureSpace("rgb", index.n_channels, index.black, index.white)
    return collect_cells(space, index.iterate_parts(), exact=True)


def resized(pixels: NDArray[np.generic], megapixels: float) -> Image:
    """The photograph with so many megapixels."""
    height, width = pixels.shape[:2]
    factor = (1e6 * megapixels / (height * width)) ** 0.5
    return Image.from_array(
        cv2.resize(pixels, (round(width * factor), round(height * factor)), interpolation=cv2.INTER_AREA)
    )


if __name__ == "__main__":
    main()
