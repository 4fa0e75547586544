"""Make the pictures of the README and of docs/: all of images/results/ from the photographs in images/.

Run: python tests/benchmarks/gallery.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as PilImage

from segment import compare_image, segment_image, segment_regions

__all__ = ["PICTURES", "make_gallery"]

IMAGES = Path(__file__).parents[2] / "images"
PICTURE_WIDTH = 1000  # pixels; wider pictures are shrunk
PANEL_WIDTH = 1400

# File name, photograph, product and settings.
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


def make_gallery(folder: Path) -> list[Path]:
    """Make all pictures in a folder and return their paths."""
    folder.mkdir(exist_ok=True)
    for name, (photograph, product, settings) in PICTURES.items():
        _save_picture(
            _render_product(photograph, product, settings),
            folder / name,
            PANEL_WIDTH if product == "panel" else PICTURE_WIDTH,
        )
    results = {
        "mountains_compared.jpg": compare_image(IMAGES / "mountains.jpg", k=5),
        "mountains_regions.jpg": segment_regions(IMAGES / "mountains.jpg"),
    }
    for name, result in results.items():
        _save_picture(result.panel(), folder / name, PANEL_WIDTH)
    return [folder / name for name in (*PICTURES, *results)]


def _render_product(photograph: str, product: str, settings: dict) -> np.ndarray:
    """Render the first file that `segment run PHOTOGRAPH --save PRODUCT` writes, on white."""
    with tempfile.TemporaryDirectory() as folder:
        path = segment_image(IMAGES / photograph, save=product, **settings).save(folder)[0]
        with PilImage.open(path) as image:
            rgba = image.convert("RGBA")
    white = PilImage.new("RGBA", rgba.size, "white")
    white.alpha_composite(rgba)
    return np.asarray(white.convert("RGB"))


def _save_picture(picture: np.ndarray, path: Path, width: int) -> None:
    """Save a picture as JPEG, shrunk to this width if it is wider."""
    factor = min(1.0, width / picture.shape[1])
    size = round(picture.shape[1] * factor), round(picture.shape[0] * factor)
    PilImage.fromarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA)).save(path, quality=85)


if __name__ == "__main__":
    for path in make_gallery(IMAGES / "results"):
        print(path)
