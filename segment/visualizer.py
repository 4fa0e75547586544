"""Arrays to pictures: class colours, and panels with the original and its segments side by side."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from segment._opencv import load_cv2
from segment.image import Image

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

__all__ = ["class_colours", "colour_labels", "compared", "display", "side_by_side"]

Picture = NDArray[np.uint8]

# Okabe & Ito's colours for colour-blind readers without black, the first four from dark to light as classes are, then
# further ones of other lightness.
_COLOURS = (
    (0, 114, 178), (213, 94, 0), (86, 180, 233), (240, 228, 66), (0, 158, 115), (204, 121, 167), (230, 159, 0),
    (120, 94, 240), (153, 221, 255), (136, 34, 85), (187, 204, 51), (255, 170, 187), (17, 119, 51), (170, 170, 170),
    (51, 34, 136), (118, 66, 20), (255, 255, 190), (80, 80, 80), (196, 154, 108), (220, 50, 220),
)  # fmt: skip

_PICTURE = (960, 900)  # largest width and height of each of the two pictures, in pixels
_SMALL = 320  # pictures whose longer side is shorter are enlarged to this
_THIN = 16  # least width and height, in pixels
_MARGIN = 24
_TEXT = 22
_INK = (32, 32, 32)


def class_colours(n_classes: int) -> Picture:
    """A distinct colour for each class: RGB, shape (n_classes, 3). Class 1 has the same colour in every image."""
    colours = list(_COLOURS[:n_classes])
    turn = 0
    while len(colours) < n_classes:
        turn += 1
        hue, light = turn * 0.381966 % 1.0, (0.35, 0.5, 0.65, 0.8)[turn % 4]
        red, green, blue = (round(255 * part) for part in colorsys.hls_to_rgb(hue, light, 0.6))
        if (red, green, blue) not in colours:
            colours.append((red, green, blue))
    return np.array(colours, dtype=np.uint8).reshape(n_classes, 3)


def colour_labels(
    label_image: NDArray[np.integer], colours: Picture, nothing: tuple[int, int, int] = (255, 255, 255)
) -> Picture:
    """A label image (H, W) with the colour (k, 3) of each class, and `nothing` where there is no label: (H, W, 3)."""
    return np.asarray(np.concatenate([np.array([nothing], dtype=np.uint8), colours])[label_image])


def display(image: Image) -> Picture:
    """An image as 8-bit RGB (H, W, 3) from its black to its white, on a light checkerboard where it is not valid."""
    pixels = image.pixels
    if pixels.dtype != np.uint8:
        scaled = (pixels.astype(np.float64) - image.black) * (255.0 / (image.white - image.black))
        pixels = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
    if image.is_grey:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    if image.valid.all():
        return pixels.astype(np.uint8, copy=False)
    return np.where(image.valid[..., None], pixels, _checkerboard(image.height, image.width)[..., None]).astype(
        np.uint8
    )


def side_by_side(
    image: Image, label_image: NDArray[np.integer], shares: Sequence[float], *, title: str = "original"
) -> Picture:
    """The original and the segmented image beside each other, with a legend of the classes' shares.

    Parameters
    ----------
    image : Image
    label_image : ndarray of shape (H, W), integers 0..k
    shares : sequence of k float
        Each class's share of the labelled pixels.
    title : str
        What stands above the original.

    Returns
    -------
    ndarray of shape (h, w, 3), uint8
        RGB, at most about 2000 pixels wide however large the image is.
    """
    colours, size = class_colours(len(shares)), _panel_size(image)
    pictures = [(title, _scaled(image, size)), (_count(len(shares)), _scaled_labels(label_image, colours, size))]
    return _panel(pictures, [f"{label}   {_percent(share)}" for label, share in enumerate(shares, start=1)])


def compared(
    image: Image,
    segmentations: Sequence[tuple[str, NDArray[np.integer]]],
    n_classes: int,
    *,
    title: str = "original",
) -> Picture:
    """The original and several segmented images, two in a row, each under its title, with a legend of the classes.

    Parameters
    ----------
    image : Image
    segmentations : sequence of (str, ndarray of shape (H, W), integers 0..n_classes)
        A title and a label image each. A class has the same colour in all of them.
    n_classes : int
    title : str
        What stands above the original.

    Returns
    -------
    ndarray of shape (h, w, 3), uint8
        RGB, at most about 2000 pixels wide however large the image is.
    """
    colours, size = class_colours(n_classes), _panel_size(image)
    pictures = [(title, _scaled(image, size))]
    pictures += [(words, _scaled_labels(label_image, colours, size)) for words, label_image in segmentations]
    return _panel(pictures, [f"class {label}" for label in range(1, n_classes + 1)])


def _panel(pictures: Sequence[tuple[str, Picture]], entries: Sequence[str]) -> Picture:
    """Pictures of one size, two in a row, each under its title, and a legend with an entry for each class."""
    from PIL import Image as PilImage
    from PIL import ImageDraw

    high, wide = pictures[0][1].shape[:2]
    width = max(2 * wide + 3 * _MARGIN, 640)
    columns = max(1, (width - 2 * _MARGIN) // (7 * _TEXT))
    legend = -(-len(entries) // columns) * 2 * _TEXT
    second = max(wide + _MARGIN, (width - 2 * _MARGIN) // 2)
    pitch = 2 * _TEXT + high + _MARGIN
    bottom = _MARGIN + -(-len(pictures) // 2) * pitch
    panel = PilImage.new("RGB", (width, bottom + legend + _MARGIN), "white")
    draw = ImageDraw.Draw(panel)
    for number, (title, picture) in enumerate(pictures):
        x, y = _MARGIN + number % 2 * second, _MARGIN + number // 2 * pitch
        _write(draw, (x, y), title)
        panel.paste(PilImage.fromarray(picture), (x, y + 2 * _TEXT))
    for number, (entry, colour) in enumerate(zip(entries, class_colours(len(entries)), strict=True)):
        row, column = divmod(number, columns)
        x, y = _MARGIN + column * 7 * _TEXT, bottom + row * 2 * _TEXT
        draw.rectangle((x, y, x + _TEXT, y + _TEXT), fill=tuple(int(part) for part in colour), outline=_INK)
        _write(draw, (x + _TEXT + 10, y), entry)
    return np.asarray(panel)


def _panel_size(image: Image) -> tuple[int, int]:
    """Width and height of one picture of the panel, in pixels."""
    factor = min(_PICTURE[0] / image.width, _PICTURE[1] / image.height, 1.0)
    if max(image.width, image.height) < _SMALL:
        factor = _SMALL / max(image.width, image.height)
    return max(_THIN, round(image.width * factor)), max(_THIN, round(image.height * factor))


def _scaled(image: Image, size: tuple[int, int]) -> Picture:
    cv2 = load_cv2()
    smaller = size[0] < image.width or size[1] < image.height
    method = cv2.INTER_AREA if smaller else cv2.INTER_NEAREST
    pixels = cv2.resize(image.pixels, size, interpolation=method)
    if image.valid.all():
        return display(Image(pixels, np.ones(size[::-1], dtype=bool), image.black, image.white))
    # Pixels that are not valid hold 0: what is left is to be divided by the share of the valid ones.
    share = cv2.resize(image.valid.view(np.uint8) * np.uint8(255), size, interpolation=method)
    weight = np.maximum(share, 1) / np.float32(255)
    mean = pixels / (weight if image.is_grey else weight[..., None])
    if pixels.dtype.kind == "u":
        mean = np.minimum(np.rint(mean), np.iinfo(pixels.dtype).max)
    return display(Image(mean.astype(pixels.dtype), share >= 128, image.black, image.white))


def _scaled_labels(label_image: NDArray[np.integer], colours: Picture, size: tuple[int, int]) -> Picture:
    """The coloured label image at the given size; its borders are smoothed by sampling twice as fine."""
    cv2 = load_cv2()
    labels = label_image.astype(np.uint8, copy=False)
    fine = cv2.resize(labels, (2 * size[0], 2 * size[1]), interpolation=cv2.INTER_NEAREST)
    coloured = colour_labels(fine, colours)
    missing = fine == 0
    if missing.any():
        coloured[missing] = _checkerboard(*fine.shape)[missing][:, None]
    return cv2.resize(coloured, size, interpolation=cv2.INTER_AREA)  # type: ignore[no-any-return]


def _checkerboard(height: int, width: int, square: int = 8) -> Picture:
    rows, columns = np.arange(height)[:, None] // square, np.arange(width) // square
    return np.where((rows + columns) % 2, 225, 250).astype(np.uint8)


def _write(draw: ImageDraw, place: tuple[int, int], words: str) -> None:
    from PIL import ImageFont

    draw.text(place, words, fill=_INK, font=ImageFont.load_default(_TEXT))


def _count(n: int) -> str:
    return f"{n} classes" if n != 1 else "1 class"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share == 0 or share >= 0.001 else "< 0.1 %"
