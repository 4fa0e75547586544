"""Measure how many pixels of noisy grays get a wrong class, with the random field and without, as a Markdown table.

Run ``python tests/benchmarks/noise.py [--record]``; it takes seconds and needs no files.

The images have 256 x 256 pixels and four classes in smooth areas: Gaussian noise, smoothed and cut at its quartiles.
The classes are grays in equal steps, under Gaussian noise with a standard deviation of so many steps.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from common import add_record_option, describe_machine, format_table, record_results
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

import segment

SIDE = 256  # pixels
QUOTED_NOISE = 0.6  # steps


def main() -> None:
    """Measure all images and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--noise", type=float, nargs="+", default=[0.3, 0.6, 0.9], help="steps [default: 0.3 0.6 0.9]")
    parser.add_argument("--images", type=int, default=6, help="of each noise [default: %(default)s]")
    add_record_option(parser)
    given = parser.parse_args()
    print(f"Measured on {describe_machine()} {given.images} images of {SIDE} x {SIDE} pixels, -k 4.\n")
    rows = []
    for noise in given.noise:
        images = [draw_areas(seed, noise) for seed in range(given.images)]
        field = [measure_errors(*image) for image in images]
        alone = [measure_errors(*image, spatial="none", clean_up="none") for image in images]
        means = f"{100 * np.mean(field):.1f} %", f"{100 * np.mean(alone):.0f} %"
        rows.append([f"{noise:g} steps", means[0], f"{100 * max(field):.1f} %", means[1]])
        if given.record and noise == QUOTED_NOISE:
            words = f"four grays under noise of {noise:g} steps, wrong pixels; by color alone"
            record_results({words: "; ".join(means)}, "tests/benchmarks/noise.py")
    print(format_table(["noise", "wrong pixels, mean", "worst image", "by color alone"], rows))


def draw_areas(seed: int, noise: float) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Draw an image and the true classes of its pixels, from 0 in order of lightness."""
    rng = np.random.default_rng(seed)
    rough = gaussian_filter(rng.standard_normal((SIDE, SIDE)), 10.0, mode="reflect")
    truth = rng.permutation(4)[np.searchsorted(np.quantile(rough, [0.25, 0.5, 0.75]), rough)]
    return ((truth + noise * rng.standard_normal(truth.shape)) / 3).astype(np.float32), truth


def measure_errors(image: NDArray[np.float32], truth: NDArray[np.intp], **settings: Any) -> float:
    """Measure the share of the pixels with another class than the true one."""
    return float(np.mean(segment.segment_image(image, k=4, **settings).label_image - 1 != truth))


if __name__ == "__main__":
    main()
