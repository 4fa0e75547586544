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
from segment.mixture.combination import group_components
from segment.mixture.fitting import MixtureFit, fit_mixture
from segment.mixture.model import MixtureModel
from segment.mixture.selection import Selection, choose_n_components, residuals
from segment.postprocessor import postprocess
from segment.preprocessor import denoise, shrink, to_greyscale
from segment.segmentation import Segmentation
from segment.segmenter import label_cells, order_classes
from segment.spatial.dependence import effective_size
from segment.statistics import ClassRow, class_table

__all__ = ["segment_image"]

_SIDE = 256  # pixels on the longer side of the copy on which the dependence of pixels is measured


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
    selection, unmet = _select(cells, space, working, config)
    fit, unfinished = _fit(cells, space, selection.n_components, config)
    model, groups = order_classes(fit.model, group_components(fit.model, cells, selection.chosen), space.lightness)
    tell("labelling pixels")
    raw = index.spread(lambda colours: label_cells(model, space.cells(colours), groups))
    tell("cleaning up")
    cleaned = postprocess(raw, radius=config.smooth_radius, min_region=config.min_region, max_hole=config.max_hole)
    label_image = _at_size_of(image, cleaned.label_image)
    classes = class_table(label_image, image, selection.chosen)
    return Segmentation(
        image=image,
        label_image=label_image,
        model=model,
        groups=groups,
        selection=selection,
        classes=classes,
        fit=fit,
        space=space,
        working=working,
        changed=cleaned.changed,
        warnings=image.notes + unmet + unfinished + _remarks(classes),
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


def _select(
    cells: Cells, space: FeatureSpace, image: Image, config: SegmentConfig
) -> tuple[Selection, tuple[str, ...]]:
    """How many classes of how many components to fit: as many as asked for, or as the image has colours for."""
    n = len(cells)
    if n == 0:
        return Selection.given(0, 0), ("no pixel is valid, so no pixel has a label",)
    if isinstance(config.k, int):
        k = min(config.k, n)
        few = f"the image has fewer distinct colours than the {config.k} classes asked for: it gets {k}"
        return Selection.given(k, min(k * config.components_per_class, n)), (few,) if k < config.k else ()
    selection = choose_n_components(
        cells,
        config.k_range,
        criterion=config.criterion,
        components_per_class=config.components_per_class,
        n_effective=lambda model: _independent_pixels(model, space, image),
        covariance_type=config.covariance_type,
        metric=space.start_metric(cells),
        seed=config.seed,
    )
    few = f"the image has fewer distinct colours than the {config.k_range[0]} classes asked for: it gets {n}"
    return selection, (few,) if n < config.k_range[0] else ()


def _independent_pixels(model: MixtureModel, space: FeatureSpace, image: Image) -> float:
    """The number of independent pixels that the image is worth, by what the mixture leaves unexplained of them."""
    copy = shrink(image, max_size=_SIDE)
    left = residuals(model, space.cells(ColourIndex(copy).pixels))
    return effective_size(left.reshape(*copy.valid.shape, -1), copy.valid)


def _fit(
    cells: Cells, space: FeatureSpace, n_components: int, config: SegmentConfig
) -> tuple[MixtureFit, tuple[str, ...]]:
    """The mixture, and what is to be said of it."""
    fit = fit_mixture(
        cells,
        n_components,
        covariance_type=config.covariance_type,
        init=config.init,
        n_init=config.n_init,
        shrinkage=config.shrinkage,
        tol=config.tol,
        max_iter=config.max_iter,
        metric=space.start_metric(cells) if n_components else None,
        seed=config.seed,
    )
    if fit.converged:
        return fit, ()
    return fit, (f"EM did not converge in {config.max_iter} iterations; raise --max-iter or --tol",)


def _at_size_of(image: Image, label_image: NDArray[Any]) -> NDArray[np.uint8]:
    """The label image at the image's size, each pixel with the label of the one it lies in."""
    if label_image.shape == (image.height, image.width):
        return label_image
    cv2 = load_cv2()
    enlarged = cv2.resize(label_image, (image.width, image.height), interpolation=cv2.INTER_NEAREST_EXACT)
    enlarged[~image.valid] = 0
    return enlarged  # type: ignore[no-any-return]


def _remarks(classes: tuple[ClassRow, ...]) -> tuple[str, ...]:
    empty = [str(row.label) for row in classes if row.pixels == 0]
    if not empty:
        return ()
    return (f"no pixel is left in class {', '.join(empty)}; ask for fewer classes or less clean-up",)
