"""Learn the merge costs of regions: ``python tests/benchmarks/train_merge_costs.py FOLDER NETWORKS``.

FOLDER is BSDS500 with ``images/train/*.jpg`` and ``groundTruth/train/*.mat``, NETWORKS the folder of ``even.npz`` and
``odd.npz``, which ``train_region_networks.py --images even`` and ``odd`` learned from every second image: a network
sees no image here that it was learned from, as it will not see new images. Writes
``segment/segmenter/regions/merge_weights.npz``, or the file that ``--output`` names.

A perceptron with one hidden layer is fitted to the probability that a person gives two pixels, one from each of two
regions, the same segment, averaged over the people who drew the image. Its pairs are those that merging meets: first
with the cost "boundary strength plus Hellinger distance", then with the perceptron just learned, three times over. A
pair counts with (its smaller region's share of the image) ** 0.4.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from PIL import Image as PilImage
from quality import SOURCES, read_human_segmentations

import segment
from segment.core.image import Image
from segment.segmenter.regions.agglomeration import merge_regions
from segment.segmenter.regions.boundary_evidence import gather_evidence
from segment.segmenter.regions.merge_cues import CUES, MAX_DEVIATIONS, WEIGHTS_FILE, Perceptron, compute_merge_cues
from segment.segmenter.regions.region_adjacency import Adjacency, find_adjacency
from segment.segmenter.regions.region_finding import find_fine_regions
from segment.segmenter.regions.region_networks import BorderNetwork, DescriptorNetwork

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

OUTPUT = Path(segment.__file__).parent / "segmenter" / "regions" / WEIGHTS_FILE
N_DIGITS = 4  # of the weights that are written
N_ROUNDS = 3
AREA_POWER = 0.4
PAIRS_PER_STEP = 80  # pairs used of each step of merging
MERGED_SHARE = 0.25  # of the regions are merged in one step
N_HIDDEN, N_EPOCHS = 16, 12
MIN_OUTPUT_WEIGHT = 1e-3  # hidden units that the decay leaves with a smaller weight are dropped
BATCH_SIZE = 1024
LEARNING_RATE = 0.01  # of the first steps; it falls to 0 along half a cosine
WEIGHT_DECAY = 0.003  # of all weights but the intercepts
BETA_1, BETA_2 = 0.9, 0.999  # Adam's decay of the means of gradients and of their squares


@dataclass(frozen=True)
class Example:
    """An image's fine regions; the last columns of the sums count the pixels in each segment that each person drew."""

    adjacency: Adjacency
    sums: Floats
    n_cues: int
    n_people: int

    def compute_joined(self, pairs: NDArray[np.intp], sums: Floats) -> Floats:
        """Compute the share of people who join two pixels, one of each region, for pairs (m, 2) of regions."""
        shares = sums[:, self.n_cues :] / sums[:, :1]
        return np.asarray((shares[pairs[:, 0]] * shares[pairs[:, 1]]).sum(axis=1) / self.n_people)


@dataclass(frozen=True)
class Pairs:
    """Pairs of regions: their cues, the share of people who join them, and how much they count."""

    cues: Floats
    joined: Floats
    weights: Floats


def main() -> int:
    """Learn from the images and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", help="BSDS500")
    parser.add_argument("networks", type=Path, nargs="?", help="folder of even.npz and odd.npz")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="the file of weights")
    given = parser.parse_args()
    if given.folder is None or given.networks is None:
        print(SOURCES, file=sys.stderr)
        return 2
    with Parallel(n_jobs=given.jobs) as parallel:
        paths = sorted((given.folder / "images" / "train").glob("*.jpg"))
        # An image with an even number is seen by the network that was learned from the odd ones.
        networks = [dict(np.load(given.networks / f"{name}.npz")) for name in ("odd", "even")]
        images = parallel(
            delayed(make_example)(given.folder, path, networks[number % 2]) for number, path in enumerate(paths)
        )
        write_weights(given.output, learn(images, parallel, np.random.default_rng(0)))
    return 0


def write_weights(path: Path, perceptron: Perceptron) -> None:
    """Write the weights of a perceptron, rounded."""
    arrays = {}
    for part in ("means", "scales", "hidden", "output"):
        values = getattr(perceptron, part)
        rounded = [float(f"{value:.{N_DIGITS}g}") for value in values.ravel()]
        arrays[part] = np.array(rounded).reshape(values.shape)
    np.savez(path, **arrays)


def make_example(folder: Path, path: Path, network: dict[str, NDArray[Any]]) -> Example:
    """Find the fine regions of an image, seen by a network that has both parts, and count each person's segments."""
    image = Image.from_array(np.asarray(PilImage.open(path)))
    evidence = gather_evidence(
        image, border_network=BorderNetwork(network), descriptor_network=DescriptorNetwork(network)
    )
    labels, n = find_fine_regions(evidence, image.valid)
    segmentations = read_human_segmentations(folder, "train", path.stem)
    sums = evidence.sum_inside(labels, n)
    counts = []
    for person in segmentations:
        _, number = np.unique(person, return_inverse=True)
        k = int(number.max()) + 1
        counts.append(np.bincount(labels.ravel() * k + number.ravel(), minlength=n * k).reshape(n, k))
    adjacency = find_adjacency(labels, n, evidence.cues)
    return Example(adjacency, np.concatenate([sums, *counts], axis=1), sums.shape[1], len(segmentations))


def learn(images: list[Example], parallel: Parallel, rng: np.random.Generator) -> Perceptron:
    """Learn the perceptron that judges pairs of regions."""
    perceptron: Perceptron | None = None
    pools: list[Pairs] = []
    for _ in range(N_ROUNDS):
        seeds = rng.spawn(len(images))
        parts = parallel(
            delayed(_collect_pairs)(image, perceptron, seed) for image, seed in zip(images, seeds, strict=True)
        )
        pools = [*pools[-1:], _concatenate(parts)]
        perceptron = _fit_perceptron(_concatenate(pools), rng, N_HIDDEN, N_EPOCHS)
    assert perceptron is not None
    return perceptron


def _compute_first_costs(cues: Floats) -> Floats:
    """Compute the costs of the first round: boundary strength plus Hellinger distance."""
    strength = cues[:, :3].sum(axis=1) / 3 + cues[:, CUES.index("light 1")] + cues[:, CUES.index("light 4")]
    return (strength + cues[:, CUES.index("hellinger 32")]) * np.exp(0.1 * cues[:, CUES.index("smaller area")])


def _collect_pairs(image: Example, perceptron: Perceptron | None, rng: np.random.Generator) -> Pairs:
    """Merge the regions of an image and collect the pairs that are met, with the people's judgment of each."""
    parts = []

    def compute_costs(adjacency: Adjacency, sums: Floats) -> Floats:
        cues = compute_merge_cues(adjacency, sums[:, : image.n_cues])
        n = adjacency.n_regions
        kept = rng.permutation(len(cues))[:PAIRS_PER_STEP]
        pairs = adjacency.pairs[kept]
        smaller = sums[pairs, 0].min(axis=1) / sums[:, 0].sum()
        weights = smaller**AREA_POWER * len(cues) / (len(kept) * n)
        parts.append(Pairs(cues[kept], image.compute_joined(pairs, sums), weights))
        return _compute_first_costs(cues) if perceptron is None else 1 / (1 + np.exp(perceptron.compute_log_odds(cues)))

    merge_regions(image.adjacency, image.sums, compute_costs, share=MERGED_SHARE)
    return _concatenate(parts)


def _concatenate(parts: list[Pairs]) -> Pairs:
    """Concatenate pairs of several images."""
    return Pairs(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("cues", "joined", "weights")))


def _fit_perceptron(pairs: Pairs, rng: np.random.Generator, n_hidden: int, epochs: int) -> Perceptron:
    """Minimize the weighted cross-entropy by Adam (Kingma & Ba 2015, ICLR)."""
    means = np.average(pairs.cues, axis=0, weights=pairs.weights)
    scales = np.sqrt(np.average((pairs.cues - means) ** 2, axis=0, weights=pairs.weights)) + 1e-9
    cues = np.clip((pairs.cues - means) / scales, -MAX_DEVIATIONS, MAX_DEVIATIONS).astype(np.float32)
    weights = (pairs.weights / pairs.weights.mean()).astype(np.float32)
    joined = pairs.joined.astype(np.float32)
    d = cues.shape[1]
    hidden = np.concatenate([np.zeros((1, n_hidden)), rng.normal(0, d**-0.5, (d, n_hidden))])
    flat = np.concatenate([hidden.ravel(), np.zeros(1 + d), rng.normal(0, 0.3, n_hidden)]).astype(np.float32)
    gradient_mean, gradient_square = np.zeros_like(flat), np.zeros_like(flat)
    n_batches = len(cues) // BATCH_SIZE
    for step in range(epochs * n_batches):
        if step % n_batches == 0:
            batches = np.array_split(rng.permutation(len(cues)), n_batches)
        batch = batches[step % n_batches]
        gradient = _compute_gradient(cues[batch], joined[batch], weights[batch], flat)
        gradient_mean += (1 - BETA_1) * (gradient - gradient_mean)
        gradient_square += (1 - BETA_2) * (gradient**2 - gradient_square)
        scale = np.sqrt(gradient_square / (1 - BETA_2 ** (step + 1))) + 1e-8
        rate = LEARNING_RATE * (1 + np.cos(np.pi * step / (epochs * n_batches))) / 2
        flat -= rate * gradient_mean / (1 - BETA_1 ** (step + 1)) / scale
    hidden, output = _split_weights(flat, d)
    kept = np.abs(output[1 + d :]) > MIN_OUTPUT_WEIGHT
    return Perceptron(means, scales, hidden[:, kept], np.concatenate([output[: 1 + d], output[1 + d :][kept]]))


def _split_weights(flat: Singles, d: int) -> tuple[Singles, Singles]:
    """Split the flat weights into those of the hidden layer (1 + d, h) and of the output layer (1 + d + h,)."""
    n_hidden = (len(flat) - 1 - d) // (2 + d)
    hidden, output = np.split(flat, [(1 + d) * n_hidden])
    return hidden.reshape(1 + d, n_hidden), output


def _compute_gradient(cues: Singles, joined: Singles, weights: Singles, flat: Singles) -> Singles:
    """Compute the gradient of the cross-entropy and of the weight decay."""
    d = cues.shape[1]
    hidden, output = _split_weights(flat, d)
    units = np.tanh(hidden[0] + cues @ hidden[1:])
    log_odds = output[0] + cues @ output[1 : 1 + d] + units @ output[1 + d :]
    error = (1 / (1 + np.exp(-log_odds)) - joined) * weights / len(cues)
    back = error[:, None] * output[1 + d :] * (1 - units**2)
    hidden_gradient = np.concatenate([back.sum(axis=0)[None], cues.T @ back])
    output_gradient = np.concatenate([[error.sum()], error @ cues, error @ units])
    hidden_gradient[1:] += WEIGHT_DECAY * hidden[1:]
    output_gradient[1:] += WEIGHT_DECAY * output[1:]
    return np.concatenate([hidden_gradient.ravel(), output_gradient])


if __name__ == "__main__":
    raise SystemExit(main())
