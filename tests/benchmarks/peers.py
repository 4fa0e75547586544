"""Measure segment beside the other ways to cut a photograph into k classes, as one Markdown table.

    python tests/benchmarks/peers.py PHOTOGRAPH [--labeled FOLDER] [--images 100] [--repeats 3] [--limit N]

Each peer is a whole process that reads the files, labels their pixels with k = 4 and writes the labels as PNG, as a
person would write it in a few lines: all pixels, CIELAB, the library's defaults. Three things are measured:

* the photograph alone: seconds, processor seconds and memory;
* a folder of random pieces of the photograph, half a megapixel each: seconds for all of them in one process;
* the share of neighboring pixels with equal labels on the photograph: a map of areas has few borders, a map of speckle
  many. And, with ``--labeled``, the mean over the images of each set of the mean intersection over union, at the true
  number of classes; FOLDER is laid out as for classes.py.

A peer that needs a program that is not installed is left out, and the table says so. segment writes the same label
images as the peers and nothing else.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from classes import Sample, compute_mean_iou, read_samples
from common import describe_machine, format_table, take_turns
from folders import make_images
from numpy.typing import NDArray
from processes import measure_process

K = 4
SIDE = 707  # of the images of the folder, in pixels: half a megapixel

Labels = NDArray[np.integer]
Peer = Callable[[NDArray[np.float32], int], Labels]


def label_with_k_means(pixels: NDArray[np.float32], k: int) -> Labels:
    """Label pixels (N, 3) with scikit-learn's KMeans."""
    from sklearn.cluster import KMeans

    return KMeans(k, random_state=0).fit_predict(pixels)


def label_with_mini_batches(pixels: NDArray[np.float32], k: int) -> Labels:
    """Label pixels (N, 3) with scikit-learn's MiniBatchKMeans."""
    from sklearn.cluster import MiniBatchKMeans

    return MiniBatchKMeans(k, random_state=0).fit_predict(pixels)


def label_with_mixture(pixels: NDArray[np.float32], k: int) -> Labels:
    """Label pixels (N, 3) with scikit-learn's GaussianMixture."""
    from sklearn.mixture import GaussianMixture

    # In single precision it fails on pictures with flat parts.
    return GaussianMixture(k, random_state=0).fit_predict(pixels.astype(np.float64))


def label_with_opencv(pixels: NDArray[np.float32], k: int) -> Labels:
    """Label pixels (N, 3) with OpenCV's k-means, three starts."""
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 100, 0.1)
    return cv2.kmeans(pixels, k, None, criteria, 3, cv2.KMEANS_PP_CENTERS)[1].ravel()


def label_with_opencv_mixture(pixels: NDArray[np.float32], k: int) -> Labels:
    """Label pixels (N, 3) with OpenCV's EM, full covariances."""
    model = cv2.ml.EM.create()
    model.setClustersNumber(k)
    model.setCovarianceMatrixType(cv2.ml.EM_COV_MAT_GENERIC)
    return model.trainEM(pixels)[2].ravel()


def label_superpixels(image: NDArray[np.float32], k: int) -> Labels:
    """Label a CIELAB image (H, W, 3): SLIC, then Ward's merging of the means of the superpixels."""
    from skimage.segmentation import slic
    from sklearn.cluster import AgglomerativeClustering

    parts = slic(image, n_segments=1000, compactness=10, start_label=0, convert2lab=False)
    sizes = np.bincount(parts.ravel())
    means = np.stack([np.bincount(parts.ravel(), plane.ravel()) / sizes for plane in np.moveaxis(image, -1, 0)], -1)
    return AgglomerativeClustering(k).fit_predict(means)[parts]


def _on_pixels(label: Peer) -> Peer:
    return lambda image, k: label(np.ascontiguousarray(image.reshape(-1, 3)), k).reshape(image.shape[:2])


OPENCV_MIXTURE = "OpenCV ml.EM"
IMAGEMAGICK = "ImageMagick -kmeans"
OURS = "segment"
PEERS: dict[str, Peer] = {
    "scikit-learn KMeans": _on_pixels(label_with_k_means),
    "scikit-learn MiniBatchKMeans": _on_pixels(label_with_mini_batches),
    "scikit-learn GaussianMixture": _on_pixels(label_with_mixture),
    "OpenCV kmeans": _on_pixels(label_with_opencv),
    OPENCV_MIXTURE: _on_pixels(label_with_opencv_mixture),
    "scikit-image SLIC, Ward's merging": label_superpixels,
}


def run_peer(name: str, k: int, output: Path, paths: list[Path]) -> None:
    """Label files with one peer, as its own process does; OpenCV and scikit-learn may use every core, as by default."""
    for path in paths:
        rgb = cv2.imread(str(path))
        lab = cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_BGR2LAB)
        cv2.imwrite(str(output / f"{path.stem}.png"), PEERS[name](lab, k).astype(np.uint8))


def list_command(name: str, k: int, output: Path, paths: list[Path]) -> list[str]:
    """List the words of the command that labels files with one method."""
    if name == OURS and len(paths) == 1:
        return [*_segment("run"), str(paths[0]), "-k", str(k), "-o", str(output), "--save", "labels"]
    if name == OURS:
        return [*_segment("batch"), str(paths[0].parent), "-k", str(k), "-o", str(output), "--save", "labels"]
    if name == IMAGEMAGICK:
        target = str(output / "%[filename:stem].png")
        program = str(shutil.which("magick"))
        return [program, *map(str, paths), "-set", "filename:stem", "%t", "-kmeans", str(k), target]
    return [sys.executable, __file__, "--peer", name, str(k), str(output), *map(str, paths)]


def _segment(command: str) -> list[str]:
    return [sys.executable, "-m", "segment", command]


def measure_files(name: str, k: int, paths: list[Path], output: Path) -> tuple[float, float, float]:
    """Measure one process of a method over files: seconds, processor seconds, megabytes."""
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir()
    return measure_process(*list_command(name, k, output, paths))


def read_labels(output: Path, stem: str) -> Labels:
    """Read the labels that a process wrote for an image; ImageMagick writes one color a class."""
    (path,) = [*output.glob(f"{stem}.png"), *output.glob(f"{stem}_labels.png")]
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image.ndim == 2:
        return image
    return np.unique(image.reshape(-1, image.shape[-1]), axis=0, return_inverse=True)[1].reshape(image.shape[:2])


def measure_agreement(labels: Labels) -> float:
    """Measure the share of pairs of neighboring pixels with equal labels."""
    pairs = [labels[1:] == labels[:-1], labels[:, 1:] == labels[:, :-1]]
    return float(sum(pair.sum() for pair in pairs) / sum(pair.size for pair in pairs))


def measure_accuracy(name: str, samples: list[Sample], place: Path) -> dict[str, float]:
    """Measure the mean IoU of each set; images with the same number of classes go through one process."""
    found: dict[str, list[float]] = {}
    for group, k in sorted({(sample.group, sample.n_classes) for sample in samples}):
        folder, output = place / f"{group}_{k}", place / "labels"
        chosen = [sample for sample in samples if (sample.group, sample.n_classes) == (group, k)]
        folder.mkdir(exist_ok=True)
        paths = [folder / f"{number:04d}.png" for number in range(len(chosen))]
        for path, sample in zip(paths, chosen, strict=True):
            if not path.exists():
                cv2.imwrite(str(path), sample.rgb[..., ::-1])
        measure_files(name, k, paths, output)
        scores = [
            compute_mean_iou(sample.truth.ravel(), read_labels(output, path.stem).ravel())
            for path, sample in zip(paths, chosen, strict=True)
        ]
        found.setdefault(group, []).extend(scores)
    return {group: float(np.mean(scores)) for group, scores in found.items()}


def find_missing() -> dict[str, str]:
    """Find the methods that are not installed, each with what it needs."""
    missing = {} if shutil.which("magick") else {IMAGEMAGICK: "the program `magick` of ImageMagick 7"}
    return missing if hasattr(cv2, "ml") else missing | {OPENCV_MIXTURE: "OpenCV 4 (version 5 has no module `ml`)"}


def main() -> int:
    """Measure every method that is installed and print the table."""
    if sys.argv[1:2] == ["--peer"]:
        name, k, output, *paths = sys.argv[2:]
        run_peer(name, int(k), Path(output), [Path(path) for path in paths])
        return 0
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photograph", type=Path)
    parser.add_argument("--labeled", type=Path, help="folder of labeled images, as for classes.py")
    parser.add_argument("--limit", type=int, help="take this many labeled images of each set at most")
    parser.add_argument("--images", type=int, default=100, help="images of the folder")
    parser.add_argument("--repeats", type=int, default=3, help="runs on the photograph")
    given = parser.parse_args()
    missing = find_missing()
    names = [name for name in (OURS, *PEERS, IMAGEMAGICK) if name not in missing]
    samples = list(read_samples(given.labeled, given.limit)) if given.labeled else []
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        make_images(given.photograph, place / "folder", given.images, SIDE)
        pieces = sorted((place / "folder").iterdir())
        rivals = [lambda n=name: measure_files(n, K, [given.photograph], place / n) for name in names]
        for name, runs in zip(names, take_turns(rivals, given.repeats, warm_up=given.repeats > 1), strict=True):
            seconds, busy, memory = np.median(runs, axis=0)
            agreement = measure_agreement(read_labels(place / name, given.photograph.stem))
            together, _, _ = measure_files(name, K, pieces, place / name)
            accuracy = measure_accuracy(name, samples, place)
            row = [name, f"{seconds:.2f} s", f"{busy:.2f} s", f"{memory:.0f} MB", f"{together:.1f} s"]
            rows.append([*row, f"{100 * agreement:.2f} %", *[f"{iou:.3f}" for iou in accuracy.values()]])
    groups = sorted({sample.group for sample in samples})
    head = ["method", "photograph", "processor time", "memory", f"{given.images} images", "neighbors alike", *groups]
    print(f"Measured on {describe_machine()}\n\n{format_table(head, rows)}")
    for name, need in missing.items():
        print(f"\n{name} was left out: it needs {need}.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
