"""Compare segmentations with those that people drew, as a Markdown table.

Run ``python tests/benchmarks/quality.py FOLDER METRICS``.

FOLDER is BSDS500: ``images/SET/NAME.jpg`` and ``groundTruth/SET/NAME.mat``, several human segmentations an image.
METRICS is the folder of ``evaluate.py``, which has the standard measures: segmentation covering, probabilistic Rand
index (PRI), variation of information (VoI, in bits; less is better) and the F-measure of boundaries.

ODS is the best parameter (k, or level) for all images together, OIS the best for each image: both are chosen by the
human segmentations. "auto" is one result an image with nothing chosen by them. Classes count as segments as they are,
whether connected or not. Seconds are processor seconds an image on one thread, at the parameter in the middle, from the
array of RGB values to the label image.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
from common import add_record_option, describe_machine, format_table, record_results
from numpy.typing import NDArray
from PIL import Image as PilImage
from skimage.color import rgb2lab
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from segment import RegionHierarchy, region_hierarchy, segment_image

__all__ = ["SOURCES", "read_human_segmentations"]

Picture = NDArray[np.uint8]
Labels = NDArray[np.integer]
Cuts = Callable[[float | None], Labels]

SOURCES = """\
Give the folder of BSDS500 (Arbelaez, Maire, Fowlkes & Malik 2011), laid out as FOLDER/images/SET/NAME.jpg and
FOLDER/groundTruth/SET/NAME.mat. It is at https://github.com/BIDS/BSDS500 (its BSDS500/data folder), for research."""
METRICS = """\
Give the folder of evaluate.py too: a module with PreparedGT, evaluate and aggregate, the measures of BSDS500."""

N_CLASSES = (2, 3, 4, 5, 6, 8)  # of classes
LEVELS = tuple(np.linspace(0.3, 0.8, 21).round(3).tolist())


@dataclass(frozen=True)
class Method:
    """A method: how it prepares an image for any parameter, its parameters, and whether it can choose one itself."""

    prepare: Callable[[Picture], Cuts]
    parameters: tuple[float, ...]
    has_automatic: bool = False


def prepare_classes(rgb: Picture, **settings: Any) -> Cuts:
    """Prepare the k classes of segment."""
    return lambda k: segment_image(rgb, k=k, **settings).label_image


def prepare_k_means(rgb: Picture) -> Cuts:
    """Prepare scikit-learn's KMeans on the pixels in CIELAB."""
    pixels = rgb2lab(rgb).reshape(-1, 3)
    return lambda k: KMeans(int(k or 4), n_init=3, random_state=0).fit_predict(pixels).reshape(rgb.shape[:2])


def prepare_hierarchy(rgb: Picture) -> Cuts:
    """Prepare the cuts of the region hierarchy, which is computed for the first of them."""
    found: list[RegionHierarchy] = []

    def cut(level: float | None) -> Labels:
        found[:] = found or [region_hierarchy(rgb)]
        return found[0].cut(level)

    return cut


RAW_MIXTURE = {"spatial": "none", "shrinkage": 0, "clean_up": "none"}
METHODS = {
    "raw mixture, RGB, k classes": Method(lambda rgb: prepare_classes(rgb, **RAW_MIXTURE), N_CLASSES),
    "k-means, CIELAB, k classes": Method(prepare_k_means, N_CLASSES),
    "segment, k classes": Method(prepare_classes, N_CLASSES),
    "segment --coherence region, k classes": Method(lambda rgb: prepare_classes(rgb, coherence="region"), N_CLASSES),
    "segment --regions": Method(prepare_hierarchy, LEVELS, has_automatic=True),
}


def main() -> int:
    """Score every method and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", help="BSDS500")
    parser.add_argument("metrics", type=Path, nargs="?", help="the folder of evaluate.py")
    parser.add_argument("--set", default="val", help="which images: val (default), train or test")
    parser.add_argument("--limit", type=int, help="take this many images at most")
    parser.add_argument("--only", default="", help="methods whose names contain this")
    parser.add_argument("--boundary", action="store_true", help="the F-measure of boundaries too, which takes long")
    add_record_option(parser)
    given = parser.parse_args()
    if given.folder is None or given.metrics is None:
        print(SOURCES if given.folder is None else METRICS, file=sys.stderr)
        return 2
    evaluate = load_module(given.metrics)
    paths = sorted((given.folder / "images" / given.set).glob("*.jpg"))[: given.limit]
    if not paths:
        print(f"{given.folder}: no images/{given.set}/*.jpg. {SOURCES}", file=sys.stderr)
        return 2
    cv2.setNumThreads(1)
    print(f"BSDS500, {given.set}, {len(paths)} images. Measured on {describe_machine()}\n")
    rows = []
    for name, method in METHODS.items():
        if given.only in name:
            with threadpool_limits(1):
                rows += score_method(name, method, given.folder, paths, evaluate, boundary=given.boundary)
    print(format_table(["method, ODS / OIS", "covering", "PRI", "VoI", "boundary F", "seconds"], rows))
    if given.record and given.set == "val" and given.limit is None and rows[-1][0] == "segment --regions auto":
        quote = f"{rows[-1][1]} / {rows[-1][2]} / {float(rows[-1][3]):.2f}".replace("0.", ".")
        words = "regions against people, BSDS500 validation, covering / PRI / VI"
        record_results({words: quote}, "tests/benchmarks/quality.py")
    return 0


def load_module(folder: Path) -> ModuleType:
    """Load the module evaluate.py from its folder."""
    spec = importlib.util.spec_from_file_location("evaluate", folder / "evaluate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def read_human_segmentations(folder: Path, group: str, name: str) -> list[Labels]:
    """Read the label images that people drew of one image."""
    from scipy.io import loadmat

    drawn = loadmat(str(folder / "groundTruth" / group / f"{name}.mat"))["groundTruth"].ravel()
    return [each["Segmentation"][0, 0].astype(np.int32) for each in drawn]


def score_method(
    name: str, method: Method, folder: Path, paths: list[Path], evaluate: ModuleType, *, boundary: bool
) -> Iterator[list[str]]:
    """Score one method on all images and make its rows."""
    results: dict[float, dict[str, Any]] = {parameter: {} for parameter in method.parameters}
    automatic: dict[float, dict[str, Any]] = {0: {}}
    seconds = []
    timed = None if method.has_automatic else method.parameters[len(method.parameters) // 2]
    for path in paths:
        rgb = np.asarray(PilImage.open(path).convert("RGB"))
        truth = evaluate.PreparedGT(read_human_segmentations(folder, path.parent.name, path.stem))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            begin = time.process_time()
            cuts = method.prepare(rgb)
            first = cuts(timed)
            seconds.append(time.process_time() - begin)
            automatic[0][path.stem] = evaluate.evaluate(first, truth, boundary=boundary)
            for parameter in method.parameters:
                results[parameter][path.stem] = evaluate.evaluate(cuts(parameter), truth, boundary=boundary)
    found = evaluate.aggregate(results)
    cells = [f"{found[key]['ods']:.3f} / {found[key]['ois']:.3f}" for key in ("covering", "pri", "voi")]
    edge = f"{found['bf']['ods']:.3f} / {found['bf']['ois']:.3f}" if boundary else "-"
    yield [name, *cells, edge, f"{np.mean(seconds):.2f}"]
    if method.has_automatic:
        found = evaluate.aggregate(automatic)
        edge = f"{found['bf']['ods']:.3f}" if boundary else "-"
        yield [f"{name} auto", *(f"{found[key]['ods']:.3f}" for key in ("covering", "pri", "voi")), edge, ""]


if __name__ == "__main__":
    raise SystemExit(main())
