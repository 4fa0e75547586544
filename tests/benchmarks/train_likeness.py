"""Learn the weights of the cues of likeness: ``python tests/benchmarks/train_likeness.py FOLDER``.

FOLDER is BSDS500 with ``images/train/*.jpg`` and ``groundTruth/train/*.mat``. Prints the text of
``segment/spatial/likeness_weights.py``.

The probability that a person gives two pixels, one from each of two regions, the same segment, averaged over the
people who drew the image, is what two perceptrons with one hidden layer are fitted to. EDGES judges places along the
borders of fine regions. LIKENESS judges pairs of regions, by what EDGES says of their border among much else. Its pairs
are those that merging meets on its way: first by the recipe "boundary strength plus Hellinger distance", then by the
perceptron just learned, three times over. A pair counts with (its smaller region's share of the image) ** 0.4. While
LIKENESS is learned, what is said of borders comes from the images of the other half, as it will for new images.
"""

from __future__ import annotations

import argparse
import sys
import textwrap
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from PIL import Image as PilImage
from quality import SOURCES, human_segmentations

from segment.core.image import Image
from segment.segmenter.regions.agglomeration import merge_regions
from segment.segmenter.regions.boundary_evidence import gather_evidence
from segment.segmenter.regions.edge_cues import Places, edge_cues, edge_places
from segment.segmenter.regions.merge_cues import CUES, features
from segment.segmenter.regions.perceptron import FARTHEST, Perceptron
from segment.segmenter.regions.region_adjacency import Adjacency
from segment.segmenter.regions.region_finding import fine_regions

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

_HEAD = '''\
"""What the cues of likeness weigh, as tests/benchmarks/train_likeness.py learned it from BSDS500."""

from __future__ import annotations

import numpy as np

from segment.segmenter.regions.perceptron import Perceptron

__all__ = ["EDGES", "LIKENESS"]

# fmt: off'''
_ROUNDS = 3
_POWER = 0.4
_PAIRS = 80  # pairs kept of each step of merging
_SHARE = 0.25  # of the regions are merged in one step
_HIDDEN, _EPOCHS = 16, 12
_EDGE_PLACES = 1500  # kept of each image
_EDGE_HIDDEN, _EDGE_EPOCHS = 4, 4
_LEAST = 1e-3  # hidden units that the decay leaves with a smaller weight are dropped
_BATCH = 1024
_RATE = 0.01  # of the first steps; it falls to 0 along half a cosine
_DECAY = 0.003  # of all weights but those that are added
_FALL, _FALL_SQUARES = 0.9, 0.999  # what is left of the past in the means of slopes and of their squares


@dataclass(frozen=True)
class Lesson:
    """An image's fine regions; the last columns of the sums count the pixels in each segment that each person drew."""

    adjacency: Adjacency
    sums: Floats
    n_cues: int
    n_people: int
    places: Places
    edge_cues: NDArray[np.float16]

    def joined(self, pairs: NDArray[np.intp], sums: Floats) -> Floats:
        """The share of people who join two pixels, one of each region, for pairs (m, 2) of regions with these sums."""
        shares = sums[:, self.n_cues :] / sums[:, :1]
        return np.asarray((shares[pairs[:, 0]] * shares[pairs[:, 1]]).sum(axis=1) / self.n_people)


@dataclass(frozen=True)
class Pairs:
    """Pairs of regions: their cues, the share of people who join them, and how much they count."""

    cues: Floats
    joined: Floats
    weights: Floats


def main() -> int:
    """Learn from the training images and print the weights."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", help="BSDS500")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    given = parser.parse_args()
    if given.folder is None:
        print(SOURCES, file=sys.stderr)
        return 2
    with Parallel(n_jobs=given.jobs) as parallel:
        paths = sorted((given.folder / "images" / "train").glob("*.jpg"))
        images = parallel(delayed(lesson)(given.folder, path) for path in paths)
        print(text_of(*learn(images, parallel)))
    return 0


def text_of(edges: Perceptron, likeness: Perceptron) -> str:
    """The module that holds both perceptrons."""
    return "\n".join([_HEAD, *_lines_of("EDGES", edges), *_lines_of("LIKENESS", likeness), "# fmt: on"])


def _lines_of(title: str, found: Perceptron) -> list[str]:
    lines = [f"{title} = Perceptron("]
    for name in ("centers", "spreads", "hidden", "outer"):
        values = getattr(found, name)
        numbers = ", ".join(f"{value:.4g}" for value in values.ravel())
        shaped = f".reshape(-1, {values.shape[1]})" if values.ndim > 1 else ""
        lines += [f"    {name}=np.array(", "        ["]
        lines += [f"            {line}" for line in textwrap.wrap(numbers, 108, break_on_hyphens=False)]
        lines += ["        ]", f"    ){shaped},"]
    return [*lines, ")"]


def lesson(folder: Path, path: Path) -> Lesson:
    """What a training image teaches."""
    image = Image.from_array(np.asarray(PilImage.open(path)))
    evidence = gather_evidence(image, seed=0)
    labels, n = fine_regions(evidence, image.valid)
    drawn = human_segmentations(folder, "train", path.stem)
    sums = evidence.sums(labels, n)
    counts = []
    for person in drawn:
        _, segment = np.unique(person, return_inverse=True)
        k = int(segment.max()) + 1
        counts.append(np.bincount(labels.ravel() * k + segment.ravel(), minlength=n * k).reshape(n, k))
    adjacency = evidence.borders(labels, n)
    places = edge_places(labels, adjacency)
    cues = edge_cues(evidence.changes, places.row, places.column).astype(np.float16)
    return Lesson(adjacency, np.concatenate([sums, *counts], axis=1), sums.shape[1], len(drawn), places, cues)


def learn(images: list[Lesson], parallel: Parallel) -> tuple[Perceptron, Perceptron]:
    """The perceptrons that judge the places along borders, and pairs of regions."""
    rng = np.random.default_rng(0)
    halves = images[::2], images[1::2]
    by_others = [learn_edges(half, rng) for half in reversed(halves)]
    told = [with_edges(image, edges) for half, edges in zip(halves, by_others, strict=True) for image in half]
    return learn_edges(images, rng), learn_likeness(told, parallel, rng)


def learn_edges(images: list[Lesson], rng: np.random.Generator) -> Perceptron:
    """The perceptron that judges the places along borders."""
    met = []
    for image in images:
        kept = rng.permutation(len(image.places.pair))[:_EDGE_PLACES]
        joined = image.joined(image.adjacency.pairs, image.sums)[image.places.pair[kept]]
        met.append(Pairs(image.edge_cues[kept].astype(np.float64), joined, np.ones(len(kept))))
    return _fitted(_united(met), rng, _EDGE_HIDDEN, _EDGE_EPOCHS)


def with_edges(image: Lesson, edges: Perceptron) -> Lesson:
    """The image with what this perceptron says of its borders; without the cues of their places."""
    pairs, borders = image.adjacency.pairs, image.adjacency.borders
    told = image.places.sums(edges, image.edge_cues.astype(np.float32), len(pairs))
    adjacency = replace(image.adjacency, borders=np.concatenate([borders[:, : -told.shape[1]], told], axis=1))
    return replace(image, adjacency=adjacency, edge_cues=image.edge_cues[:0])


def learn_likeness(images: list[Lesson], parallel: Parallel, rng: np.random.Generator) -> Perceptron:
    """The perceptron that judges pairs of regions."""
    found: Perceptron | None = None
    pools: list[Pairs] = []
    for _ in range(_ROUNDS):
        seeds = rng.spawn(len(images))
        met = parallel(delayed(_meet)(image, found, seed) for image, seed in zip(images, seeds, strict=True))
        pools = [*pools[-1:], _united(met)]
        found = _fitted(_united(pools), rng, _HIDDEN, _EPOCHS)
    assert found is not None
    return found


def _recipe(cues: Floats) -> Floats:
    strength = cues[:, :3].sum(axis=1) / 3 + cues[:, CUES.index("light 1")] + cues[:, CUES.index("light 4")]
    return (strength + cues[:, CUES.index("hellinger 32")]) * np.exp(0.1 * cues[:, CUES.index("smaller area")])


def _meet(image: Lesson, found: Perceptron | None, rng: np.random.Generator) -> Pairs:
    """The pairs that merging meets by what was found so far, first by the recipe."""
    met = []

    def watched(adjacency: Adjacency, sums: Floats) -> Floats:
        cues = features(adjacency, sums[:, : image.n_cues])
        n = adjacency.n_regions
        kept = rng.permutation(len(cues))[:_PAIRS]
        pairs = adjacency.pairs[kept]
        smaller = sums[pairs, 0].min(axis=1) / sums[:, 0].sum()
        weights = smaller**_POWER * len(cues) / (len(kept) * n)
        met.append(Pairs(cues[kept], image.joined(pairs, sums), weights))
        return _recipe(cues) if found is None else 1 / (1 + np.exp(found.log_odds(cues)))

    merge_regions(image.adjacency, image.sums, watched, share=_SHARE)
    return _united(met)


def _united(parts: list[Pairs]) -> Pairs:
    return Pairs(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("cues", "joined", "weights")))


def _fitted(pairs: Pairs, rng: np.random.Generator, n_hidden: int, epochs: int) -> Perceptron:
    """Fit by steps down the slope of the cross-entropy (Adam: Kingma & Ba 2015, ICLR)."""
    centers = np.average(pairs.cues, axis=0, weights=pairs.weights)
    spreads = np.sqrt(np.average((pairs.cues - centers) ** 2, axis=0, weights=pairs.weights)) + 1e-9
    cues = np.clip((pairs.cues - centers) / spreads, -FARTHEST, FARTHEST).astype(np.float32)
    weights = (pairs.weights / pairs.weights.mean()).astype(np.float32)
    joined = pairs.joined.astype(np.float32)
    d = cues.shape[1]
    hidden = np.concatenate([np.zeros((1, n_hidden)), rng.normal(0, d**-0.5, (d, n_hidden))])
    free = np.concatenate([hidden.ravel(), np.zeros(1 + d), rng.normal(0, 0.3, n_hidden)]).astype(np.float32)
    slope_mean, slope_square = np.zeros_like(free), np.zeros_like(free)
    n_batches = len(cues) // _BATCH
    for step in range(epochs * n_batches):
        if step % n_batches == 0:
            batches = np.array_split(rng.permutation(len(cues)), n_batches)
        batch = batches[step % n_batches]
        slopes = _slopes(cues[batch], joined[batch], weights[batch], free)
        slope_mean += (1 - _FALL) * (slopes - slope_mean)
        slope_square += (1 - _FALL_SQUARES) * (slopes**2 - slope_square)
        usual = np.sqrt(slope_square / (1 - _FALL_SQUARES ** (step + 1))) + 1e-8
        rate = _RATE * (1 + np.cos(np.pi * step / (epochs * n_batches))) / 2
        free -= rate * slope_mean / (1 - _FALL ** (step + 1)) / usual
    hidden, outer = _parted(free, d)
    kept = np.abs(outer[1 + d :]) > _LEAST
    return Perceptron(centers, spreads, hidden[:, kept], np.concatenate([outer[: 1 + d], outer[1 + d :][kept]]))


def _parted(free: Singles, d: int) -> tuple[Singles, Singles]:
    """Weights in one row as those of the hidden units (1 + d, h) and of the answer (1 + d + h,)."""
    n_hidden = (len(free) - 1 - d) // (2 + d)
    hidden, outer = np.split(free, [(1 + d) * n_hidden])
    return hidden.reshape(1 + d, n_hidden), outer


def _slopes(cues: Singles, joined: Singles, weights: Singles, free: Singles) -> Singles:
    """By how much the cross-entropy, and what keeps weights small, rise with each weight."""
    d = cues.shape[1]
    hidden, outer = _parted(free, d)
    units = np.tanh(hidden[0] + cues @ hidden[1:])
    alike = outer[0] + cues @ outer[1 : 1 + d] + units @ outer[1 + d :]
    error = (1 / (1 + np.exp(-alike)) - joined) * weights / len(cues)
    behind = error[:, None] * outer[1 + d :] * (1 - units**2)
    to_hidden = np.concatenate([behind.sum(axis=0)[None], cues.T @ behind])
    to_outer = np.concatenate([[error.sum()], error @ cues, error @ units])
    to_hidden[1:] += _DECAY * hidden[1:]
    to_outer[1:] += _DECAY * outer[1:]
    return np.concatenate([to_hidden.ravel(), to_outer])


if __name__ == "__main__":
    raise SystemExit(main())
