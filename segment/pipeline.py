"""The stages in order: read this first."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segment._opencv import load_cv2
from segment.colours import ColourIndex
from segment.config import SegmentConfig
from segment.errors import SettingsError
from segment.features import FeatureSpace, collect_cells
from segment.image import Image
from segment.loader import load_image
from segment.mixture.cells import Cells
from segment.mixture.fitting import MixtureFit, fit_mixture
from segment.postprocessor import postprocess
from segment.preprocessor import denoise, shrink, to_greyscale
from segment.segmentation import Segmentation
from segment.segmenter import label_cells, order_components, rejection_threshold
from segment.statistics import ClassRow, class_table

__all__ = ["segment_image"]


def segment_image(
    source: ArrayLike | Image | str | PathLike[str],
    config: SegmentConfig | None = None,
    *,
    tell: Callable[[str], None] = lambda _: None,
    **settings: Any,
) -> Segmentation:
    """Segment an image into k classes of colour.

    Parameters
    ----------
    source : path, array_like of shape (H, W) or (H, W, 1 to 4), or Image
        A file, or grey, RGB or RGBA pixels; see :meth:`segment.Image.from_array`. It is not changed.
    config : SegmentConfig, optional
        All settings at once.
    tell : callable
        Called with the name of each stage as it begins.
    **settings
        Single settings instead, such as ``k=4``: the fields of :class:`segment.SegmentConfig`.

    Returns
    -------
    Segmentation

    Raises
    ------
    ImageError
        If the image cannot be read or has no pixel to segment.
    SettingsError
        If a setting is unknown or out of its range.
    """
    if config is not None and settings:
        raise SettingsError(
            f"config: give a configuration or single settings, not both; got {', '.join(settings)} too."
        )
    config = config or SegmentConfig.of(**settings)
    tell("reading")
    image = _read(source, config)
    tell("preprocessing")
    working = _preprocess(image, config)
    tell("counting colours")
    index = ColourIndex(working)
    space = FeatureSpace(config.features, index.n_channels, index.black, index.white)
    cells = collect_cells(space, index.parts(), exact=index.is_tabled)
    tell("fitting the mixture")
    fit, warnings = _fit(cells, space, config)
    model = order_components(fit.model, space.lightness(fit.model.means))
    tell("labelling pixels")
    least = rejection_threshold(model, cells, config.reject)
    raw = index.spread(lambda colours: label_cells(model, space.cells(colours), least=least))
    rejected = float(np.mean(raw[working.valid] == 0)) if config.reject and len(cells) else 0.0
    tell("cleaning up")
    cleaned = postprocess(raw, radius=config.smooth_radius, min_region=config.min_region, max_hole=config.max_hole)
    label_image = _at_size_of(image, cleaned.label_image)
    classes = class_table(label_image, image, model.n_components)
    return Segmentation(
        image=image,
        label_image=label_image,
        model=model,
        classes=classes,
        fit=fit,
        space=space,
        working=working,
        changed=cleaned.changed,
        rejected=rejected,
        warnings=image.notes + warnings + _remarks(classes, rejected),
        config=config,
    )


def _read(source: ArrayLike | Image | str | PathLike[str], config: SegmentConfig) -> Image:
    if isinstance(source, (str, PathLike)):
        return load_image(source, max_pixels=config.max_pixels, allow_truncated=config.allow_truncated)
    return source if isinstance(source, Image) else Image.from_array(source)


def _preprocess(image: Image, config: SegmentConfig) -> Image:
    image = shrink(image, max_size=config.max_size)
    if config.greyscale:
        image = to_greyscale(image)
    return denoise(image, method=config.denoise, radius=config.denoise_radius)


def _fit(cells: Cells, space: FeatureSpace, config: SegmentConfig) -> tuple[MixtureFit, tuple[str, ...]]:
    """The mixture of as many components as the image has colours for, and what is to be said of it."""
    k = min(config.k, len(cells))
    warnings = []
    if k == 0:
        warnings.append("no pixel is valid, so no pixel has a label")
    elif k < config.k:
        warnings.append(f"the image has fewer distinct colours than the {config.k} classes asked for: it gets {k}")
    fit = fit_mixture(
        cells,
        k,
        covariance_type=config.covariance_type,
        tails=config.tails,
        noise=config.noise,
        init=_init(space, config, k),
        n_init=config.n_init,
        shrinkage=config.shrinkage,
        tol=config.tol,
        tol_step=config.tol_step,
        max_iter=config.max_iter,
        metric=space.start_metric(cells) if k else None,
        seed=config.seed,
    )
    if not fit.converged:
        warnings.append(f"EM did not converge in {config.max_iter} iterations; raise --max-iter or --tol")
    return fit, tuple(warnings)


def _init(space: FeatureSpace, config: SegmentConfig, k: int) -> str | NDArray[np.float64]:
    """Where the fit starts: the features of given colours, or a name."""
    if len(config.seed_color) > config.k:
        raise SettingsError(
            f"seed_color (--seed-color): at most one for each of {config.k} classes; "
            f"got {len(config.seed_color)}. Raise -k."
        )
    if not config.seed_color:
        return config.init
    colours = np.array([tuple(bytes.fromhex(colour[1:])) for colour in config.seed_color[:k]], dtype=np.uint8)
    return space.of_colours(colours.reshape(-1, 3))


def _at_size_of(image: Image, label_image: NDArray[Any]) -> NDArray[np.uint8]:
    """The label image at the image's size, each pixel with the label of the one it lies in."""
    if label_image.shape == (image.height, image.width):
        return label_image
    cv2 = load_cv2()
    enlarged = cv2.resize(label_image, (image.width, image.height), interpolation=cv2.INTER_NEAREST_EXACT)
    enlarged[~image.valid] = 0
    return enlarged  # type: ignore[no-any-return]


def _remarks(classes: tuple[ClassRow, ...], rejected: float) -> tuple[str, ...]:
    remarks = []
    if rejected:
        remarks.append(f"{rejected:.2%} of the pixels are rejected as unlikely and have no label")
    empty = [str(row.label) for row in classes if row.pixels == 0]
    if empty:
        remarks.append(f"no pixel is left in class {', '.join(empty)}; ask for fewer classes or less clean-up")
    return tuple(remarks)
