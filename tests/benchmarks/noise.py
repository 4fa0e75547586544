"""Measure how many pixels of noisy grays get a wrong class, with the random field and without, as a Markdown table.

Run ``python tests/benchmarks/noise.py [--side 1800] [--blur 1] [--record]``; it takes a minute and needs no files.

The images have four classes in smooth areas: Gaussian noise, smoothed and cut at its quantiles, so that the classes
have equal or unequal shares. They are grays in equal steps, under Gaussian noise with a standard deviation of so many
steps, which neighbors share where it is blurred. Shown are also the mean errors of the shares that are expected.
"""

from __future__ import annotations

import argparse
from typing import Any, NamedTuple

import numpy as np
from common import add_record_option, describe_machine, format_table, record_results
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

import segment

SHARES = {"equal": (0.25, 0.25, 0.25, 0.25), "60, 25, 10, 5 %": (0.6, 0.25, 0.1, 0.05)}
QUOTED_NOISE, QUOTED_SHARES = 0.6, "equal"  # steps


class Errors(NamedTuple):
    """The errors of one image: the share of wrong pixels, and the mean error of the expected shares."""

    wrong: float
    share: float


def main() -> None:
    """Measure all images and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--noise", type=float, nargs="+", default=[0.3, 0.6, 0.9], help="steps [default: 0.3 0.6 0.9]")
    parser.add_argument("--images", type=int, default=6, help="of each noise [default: %(default)s]")
    parser.add_argument("--blur", type=float, default=0, help="of the noise, in pixels [default: %(default)s]")
    parser.add_argument("--side", type=int, default=256, help="of the images, in pixels [default: %(default)s]")
    add_record_option(parser)
    given = parser.parse_args()
    print(f"Measured on {describe_machine()} {given.images} images of {given.side} x {given.side} pixels, -k 4.\n")
    rows = []
    for name, shares in SHARES.items():
        for noise in given.noise:
            images = [draw_areas(seed, noise, given.side, shares, given.blur) for seed in range(given.images)]
            field = [measure_errors(*image) for image in images]
            alone = [measure_errors(*image, spatial="none", clean_up="none").wrong for image in images]
            wrong, worst = (100 * measure(each.wrong for each in field) for measure in (_take_mean, max))
            means = f"{wrong:.1f} %", f"{100 * np.mean(alone):.0f} %"
            error = f"{100 * _take_mean(each.share for each in field):.2f} %"
            rows.append([name, f"{noise:g} steps", means[0], f"{worst:.1f} %", error, means[1]])
            if given.record and (noise, name, given.side, given.blur) == (QUOTED_NOISE, QUOTED_SHARES, 256, 0):
                words = f"four grays under noise of {noise:g} steps, wrong pixels; by color alone"
                record_results({words: "; ".join(means)}, "tests/benchmarks/noise.py")
    print(
        format_table(
            ["shares", "noise", "wrong pixels, mean", "worst image", "error of shares", "by color alone"], rows
        )
    )


def draw_areas(
    seed: int, noise: float, side: int, shares: tuple[float, ...], blur: float
) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Draw an image and the true classes of its pixels, from 0 in order of lightness."""
    rng = np.random.default_rng(seed)
    rough = gaussian_filter(rng.standard_normal((side, side)), side / 25.6, mode="reflect")
    truth = rng.permutation(len(shares))[np.searchsorted(np.quantile(rough, np.cumsum(shares)[:-1]), rough)]
    deviations = rng.standard_normal(truth.shape)
    if blur:
        deviations = gaussian_filter(deviations, blur)
        deviations /= deviations.std()
    return ((truth + noise * deviations) / 3).astype(np.float32), truth


def measure_errors(image: NDArray[np.float32], truth: NDArray[np.intp], **settings: Any) -> Errors:
    """Measure how many pixels have another class than the true one, and how far the expected shares are off."""
    found = segment.segment_image(image, k=4, **settings)
    shares = np.array([row.expected_share for row in found.classes])
    errors = np.abs(shares - np.bincount(truth.ravel(), minlength=4) / truth.size)
    return Errors(float(np.mean(found.label_image - 1 != truth)), float(errors.mean()))


def _take_mean(values: Any) -> float:
    return float(np.mean(list(values)))


if __name__ == "__main__":
    main()
