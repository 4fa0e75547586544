"""Arrays to pictures: labels and log-likelihoods in colour, panels with the original and its segments side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from segment._opencv import load_cv2
from segment.image import Image
from segment.palette import INK, class_colours

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

__all__ = [
    "class_colours",
    "colour_labels",
    "compared",
    "contour_picture",
    "display",
    "log_likelihood_picture",
    "regions_side_by_side",
    "side_by_side",
]

Picture = NDArray[np.uint8]

_PICTURE = (960, 900)  # largest width and height of each of the two pictures, in pixels
_SMALL = 320  # pictures whose longer side is shorter are enlarged to this
_THIN = 16  # least width and height, in pixels
_MARGIN = 24
_BORDER = (255, 64, 0)  # of regions, drawn on the original
_TEXT = 22


def colour_labels(
    label_image: NDArray[np.integer], colours: Picture, nothing: tuple[int, int, int] = (255, 255, 255)
) -> Picture:
    """A label image (H, W) with the colour (k, 3) of each class, and `nothing` where there is no label: (H, W, 3)."""
    table = np.zeros((256, 1, 3), dtype=np.uint8)
    table[0] = nothing
    table[1 : len(colours) + 1, 0] = colours
    labels = np.ascontiguousarray(label_image, dtype=np.uint8)
    return np.asarray(load_cv2().applyColorMap(labels, table))


def display(image: Image) -> Picture:
    """An image as 8-bit RGB (H, W, 3) from its black to its white, on a light checkerboard where it is not valid."""
    pixels = image.as_bytes()
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
    colours, size = class_colours(len(shares)), _panel_size(image.height, image.width)
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
    colours, size = class_colours(n_classes), _panel_size(image.height, image.width)
    pictures = [(title, _scaled(image, size))]
    pictures += [(words, _scaled_labels(label_image, colours, size)) for words, label_image in segmentations]
    return _panel(pictures, [f"class {label}" for label in range(1, n_classes + 1)])


def regions_side_by_side(image: Image, label_image: NDArray[np.integer], *, title: str = "original") -> Picture:
    """The original with the borders of regions, beside the regions in their mean colours.

    Parameters
    ----------
    image : Image
    label_image : ndarray of shape (H, W), integers 0..n
        Regions; 0 is none.
    title : str
        What stands above the original.

    Returns
    -------
    ndarray of shape (h, w, 3), uint8
        RGB, at most about 2000 pixels wide however large the image is.
    """
    size = _panel_size(image.height, image.width)
    original = _scaled(image, size)
    labels = load_cv2().resize(label_image.astype(np.int32), size, interpolation=load_cv2().INTER_NEAREST_EXACT)
    counts = np.maximum(np.bincount(labels.ravel()), 1)
    flat = original.reshape(-1, 3)
    means = np.stack([np.bincount(labels.ravel(), channel) / counts for channel in flat.T], axis=1)
    means[0] = 255
    mean_colours = np.rint(means).astype(np.uint8)[labels]
    borders = np.zeros(labels.shape, dtype=bool)
    borders[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    borders[1:] |= labels[1:] != labels[:-1]
    outlined = np.where(borders[..., None], np.array(_BORDER, dtype=np.uint8), original)
    n = int(label_image.max(initial=0))
    return _panel([(title, outlined), (f"{n} regions" if n != 1 else "1 region", mean_colours)], ())


def contour_picture(contours: NDArray[np.floating]) -> NDArray[np.uint16]:
    """A contour map (H, W), 0..1, as 16-bit values: 65535 for 1."""
    return np.asarray(np.rint(np.clip(contours, 0, 1) * 65535), dtype=np.uint16)


def log_likelihood_picture(values: NDArray[np.floating]) -> Picture:
    """How usual each pixel is: dark where its log-likelihood is high, bright where it is low, above a scale in nats.

    Parameters
    ----------
    values : ndarray of shape (H, W), float
        Log density of each pixel, NaN where there is none, which is shown as a checkerboard. The colours end at the 0.5
        and 99.5 % quantiles.

    Returns
    -------
    ndarray of shape (h, w, 3), uint8
        RGB, at most about 1000 pixels wide however large the image is.
    """
    from PIL import Image as PilImage
    from PIL import ImageDraw

    known = values[np.isfinite(values)]
    low, high = np.quantile(known, (0.005, 0.995)) if known.size else (0.0, 0.0)
    wide, tall = _panel_size(*values.shape)
    picture = _usual(_scaled_values(values, (wide, tall)), low, high)
    width = max(wide + 2 * _MARGIN, 480)
    bottom = 2 * _MARGIN + tall
    panel = PilImage.new("RGB", (width, bottom + 4 * _TEXT), "white")
    panel.paste(PilImage.fromarray(picture), (_MARGIN, _MARGIN))
    draw = ImageDraw.Draw(panel)
    scale = _usual(np.tile(np.linspace(low, high, width - 2 * _MARGIN), (_TEXT, 1)), low, high)
    panel.paste(PilImage.fromarray(scale), (_MARGIN, bottom))
    words = f"unusual: {low:.4g} nats", f"usual: {high:.4g}"
    _write(draw, (_MARGIN, bottom + _TEXT + 8), words[0])
    _write(draw, (width - _MARGIN - int(draw.textlength(words[1], font=_font())), bottom + _TEXT + 8), words[1])
    return np.asarray(panel)


def _usual(values: NDArray[np.floating], low: float, high: float) -> Picture:
    """Values in colours from dark at `high` to bright at `low`, and a checkerboard where they are NaN."""
    cv2 = load_cv2()
    missing = np.isnan(values)
    shares = (high - np.where(missing, high, values)) / (high - low if high > low else 1.0)
    levels = np.rint(255 * np.clip(shares, 0, 1)).astype(np.uint8)
    picture: Picture = cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO)[..., ::-1].copy()
    picture[missing] = _checkerboard(*values.shape)[missing][:, None]
    return picture


def _scaled_values(values: NDArray[np.floating], size: tuple[int, int]) -> NDArray[np.floating]:
    """Values at the given size: means of those that are not NaN, and NaN where that is less than half."""
    cv2 = load_cv2()
    smaller = size[0] < values.shape[1] or size[1] < values.shape[0]
    method = cv2.INTER_AREA if smaller else cv2.INTER_NEAREST
    known = np.isfinite(values)
    share = cv2.resize(known.astype(np.float32), size, interpolation=method)
    total = cv2.resize(np.where(known, values, 0).astype(np.float32), size, interpolation=method)
    return np.where(share >= 0.5, total / np.maximum(share, 0.5), np.nan)


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
        draw.rectangle((x, y, x + _TEXT, y + _TEXT), fill=tuple(int(part) for part in colour), outline=INK)
        _write(draw, (x + _TEXT + 10, y), entry)
    return np.asarray(panel)


def _panel_size(height: int, width: int) -> tuple[int, int]:
    """Width and height of one picture of the panel, in pixels."""
    factor = min(_PICTURE[0] / width, _PICTURE[1] / height, 1.0)
    if max(width, height) < _SMALL:
        factor = _SMALL / max(width, height)
    return max(_THIN, round(width * factor)), max(_THIN, round(height * factor))


def _scaled(image: Image, size: tuple[int, int]) -> Picture:
    cv2 = load_cv2()
    smaller = size[0] < image.width or size[1] < image.height
    method = cv2.INTER_AREA if smaller else cv2.INTER_NEAREST
    if image.valid.all():
        pixels = image.pixels
        while min(pixels.shape[1] / size[0], pixels.shape[0] / size[1]) >= 4:  # halving is much the quickest
            pixels = cv2.resize(pixels, (pixels.shape[1] // 2, pixels.shape[0] // 2), interpolation=method)
        pixels = cv2.resize(pixels, size, interpolation=method)
        return display(Image(pixels, np.ones(size[::-1], dtype=bool), image.black, image.white))
    pixels = cv2.resize(image.pixels, size, interpolation=method)
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
    if not fine.all():
        missing = fine == 0
        coloured[missing] = _checkerboard(*fine.shape)[missing][:, None]
    return cv2.resize(coloured, size, interpolation=cv2.INTER_AREA)  # type: ignore[no-any-return]


def _checkerboard(height: int, width: int, square: int = 8) -> Picture:
    rows, columns = np.arange(height)[:, None] // square, np.arange(width) // square
    return np.where((rows + columns) % 2, 225, 250).astype(np.uint8)


def _font() -> FreeTypeFont | ImageFont:
    from PIL import ImageFont

    return ImageFont.load_default(_TEXT)


def _write(draw: ImageDraw, place: tuple[int, int], words: str) -> None:
    draw.text(place, words, fill=INK, font=_font())


def _count(n: int) -> str:
    return f"{n} classes" if n != 1 else "1 class"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share == 0 or share >= 0.001 else "< 0.1 %"
