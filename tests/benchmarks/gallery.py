"""Make the README's gallery: every picture in images/results/ from the photographs in images/.

Run: python tests/benchmarks/gallery.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as PilImage

from segment import compare_image, segment_image, segment_regions

__all__ = ["PICTURES", "make"]

IMAGES = Path(__file__).parents[2] / "images"
_WIDTH = 1000  # pixels: what a README shows
_PANEL = 1400

# What is shown: file name, photograph, product and settings.
PICTURES = {
    "landscape_panel.jpg": ("landscape.jpg", "panel", {"k": 4, "name": ("1=trees", "2=meadow", "3=mountain", "4=sky")}),
    "landscape_overlay.jpg": ("landscape.jpg", "overlay", {"k": 4}),
    "landscape_anomaly.jpg": ("landscape.jpg", "anomaly", {"k": 4}),
    "landscape_posterior.jpg": ("landscape.jpg", "posterior", {"k": 4, "name": ("4=sky",)}),
    "mountains_contours.jpg": ("mountains.jpg", "contours", {"k": 5}),
    "mountains_uncertainty.jpg": ("mountains.jpg", "uncertainty", {"k": 5}),
    "sunset_mean.jpg": ("sunset.jpg", "mean", {"k": 6}),
    "lamps_panel.jpg": ("lamps.jpg", "panel", {"k": 5, "palette": "mean", "order": "hue"}),
    "landscape_cutout.jpg": ("landscape.jpg", "cutouts", {"k": 4}),
}


def make(folder: Path) -> list[Path]:
    """Make all pictures in a folder, and return their paths."""
    folder.mkdir(exist_ok=True)
    for name, (photograph, product, settings) in PICTURES.items():
        _save(_picture(photograph, product, settings), folder / name, _PANEL if product == "panel" else _WIDTH)
    of_mountains = {
        "mountains_compared.jpg": compare_image(IMAGES / "mountains.jpg", k=5),
        "mountains_regions.jpg": segment_regions(IMAGES / "mountains.jpg"),
    }
    for name, result in of_mountains.items():
        _save(result.panel(), folder / name, _PANEL)
    return [folder / name for name in (*PICTURES, *of_mountains)]


def _picture(photograph: str, product: str, settings: dict) -> np.ndarray:
    """What `segment run PHOTOGRAPH --save PRODUCT` writes; of cut-outs the darkest class, on white."""
    with tempfile.TemporaryDirectory() as folder:
        path = segment_image(IMAGES / photograph, save=product, **settings).save(folder)[0]
        with PilImage.open(path) as image:
            rgba = image.convert("RGBA")
    white = PilImage.new("RGBA", rgba.size, "white")
    white.alpha_composite(rgba)
    return np.asarray(white.convert("RGB"))


def _save(picture: np.ndarray, path: Path, width: int) -> None:
    factor = min(1.0, width / picture.shape[1])
    size = round(picture.shape[1] * factor), round(picture.shape[0] * factor)
    PilImage.fromarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA)).save(path, quality=85)


if __name__ == "__main__":
    for path in make(IMAGES / "results"):
        print(path)
