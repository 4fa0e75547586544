"""Learn the weights of the cues of likeness: ``python tests/benchmarks/train_likeness.py FOLDER``.

FOLDER is BSDS500 with ``images/train/*.jpg`` and ``groundTruth/train/*.mat``. Prints the text of
``segment/spatial/likeness_weights.py``.

The probability that a person gives two pixels, one from each of two regions, the same segment, averaged over the
people who drew the image, is what a logistic function of the cues is fitted to. The pairs are those that merging meets
on its way: first with weights that follow the recipe "boundary strength plus Hellinger distance", then with those just
learned, three times over. A pair counts with (its smaller region's share of the image) ** 0.4.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PilImage
from quality import SOURCES, human_segmentations
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from segment.evidence import gather_evidence
from segment.grouping import fine_regions
from segment.image import Image
from segment.spatial.adjacency import Adjacency
from segment.spatial.likeness import CUES, features, stage_of
from segment.spatial.likeness_weights import STAGES
from segment.spatial.merging import merge_regions

Floats = NDArray[np.float64]

_ROUNDS = 3
_POWER = 0.4
_PAIRS = 40  # pairs kept of each step of merging


@dataclass(frozen=True)
class Lesson:
    """An image's fine regions; the last columns of the sums count the pixels in each segment that each person drew."""

    adjacency: Adjacency
    sums: Floats
    n_cues: int
    n_people: int


@dataclass(frozen=True)
class Pairs:
    """Pairs of regions: their cues, the share of people who join them, how much they count, and the stage."""

    cues: Floats
    joined: Floats
    weights: Floats
    stages: NDArray[np.intp]


def main() -> int:
    """Learn from the training images and print the weights."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", help="BSDS500")
    given = parser.parse_args()
    if given.folder is None:
        print(SOURCES, file=sys.stderr)
        return 2
    weights = learn(list(lessons(given.folder)))
    rows = ",\n".join("        [" + ", ".join(f"{value:.4g}" for value in row) + "]" for row in weights)
    print(f"WEIGHTS = np.array(\n    [\n{rows},\n    ]\n)")
    return 0


def lessons(folder: Path) -> Iterator[Lesson]:
    """The training images."""
    for path in sorted((folder / "images" / "train").glob("*.jpg")):
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
        yield Lesson(evidence.borders(labels, n), np.concatenate([sums, *counts], axis=1), sums.shape[1], len(drawn))


def learn(images: list[Lesson]) -> Floats:
    """The weights (stages, 1 + cues)."""
    rng = np.random.default_rng(0)
    cost: Callable[[Floats, int], Floats] = _recipe
    pools: list[Pairs] = []
    weights = np.zeros(0)
    for _ in range(_ROUNDS):
        met = [pairs for image in images for pairs in _meet(image, cost, rng)]
        pools = [*pools[-1:], _united(met)]
        weights = _fitted(_united(pools))
        cost = _learned(weights)
    return weights


def _recipe(cues: Floats, n_regions: int) -> Floats:
    strength = cues[:, :3].sum(axis=1) / 3 + cues[:, CUES.index("light 1")] + cues[:, CUES.index("light 4")]
    return (strength + cues[:, CUES.index("hellinger 32")]) * np.exp(0.1 * cues[:, CUES.index("smaller area")])


def _learned(weights: Floats) -> Callable[[Floats, int], Floats]:
    def cost(cues: Floats, n_regions: int) -> Floats:
        row = weights[stage_of(n_regions)]
        return 1 / (1 + np.exp(row[0] + cues @ row[1:]))

    return cost


def _meet(image: Lesson, cost: Callable[[Floats, int], Floats], rng: np.random.Generator) -> list[Pairs]:
    """The pairs that merging by a cost meets."""
    met = []

    def watched(adjacency: Adjacency, sums: Floats) -> Floats:
        cues = features(adjacency, sums[:, : image.n_cues])
        n = adjacency.n_regions
        kept = rng.permutation(len(cues))[:_PAIRS]
        low, high = adjacency.pairs[kept].T
        shares = sums / sums[:, :1]
        joined = (shares[low, image.n_cues :] * shares[high, image.n_cues :]).sum(axis=1) / image.n_people
        smaller = np.minimum(sums[low, 0], sums[high, 0]) / sums[:, 0].sum()
        weights = smaller**_POWER * len(cues) / (len(kept) * n)
        met.append(Pairs(cues[kept], joined, weights, np.full(len(kept), stage_of(n))))
        return cost(cues, n)

    merge_regions(image.adjacency, image.sums, watched)
    return met


def _united(parts: list[Pairs]) -> Pairs:
    return Pairs(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in ("cues", "joined", "weights", "stages"))
    )


def _fitted(pairs: Pairs) -> Floats:
    """Logistic regression in each stage; a pair that half of the people join counts half for either answer."""
    rows = []
    for stage in range(len(STAGES) + 1):
        own = pairs.stages == stage
        scaler = StandardScaler().fit(pairs.cues[own], sample_weight=pairs.weights[own])
        cues = scaler.transform(pairs.cues[own])
        joined, weights = pairs.joined[own], pairs.weights[own] / pairs.weights[own].mean()
        model = LogisticRegression(C=1000 / len(cues), max_iter=300)
        answers = np.repeat([1, 0], len(cues))
        model.fit(np.concatenate([cues, cues]), answers, np.concatenate([weights * joined, weights * (1 - joined)]))
        slopes = model.coef_[0] / scaler.scale_
        rows.append([model.intercept_[0] - slopes @ scaler.mean_, *slopes])
    return np.array(rows)


if __name__ == "__main__":
    raise SystemExit(main())
