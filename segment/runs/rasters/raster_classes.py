"""The classes of a raster: what they are fitted to is collected in a first pass over its tiles."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.image import Image
from segment.features.color_index import ColorIndex
from segment.features.color_space import FeatureSpace
from segment.features.pixel_features import extract_features
from segment.mixture.rejection import find_rejection_threshold
from segment.pipeline.noise_warnings import warn_of_proportional_noise
from segment.pipeline.other_light import warn_of_other_light
from segment.pipeline.pixel_selection import warn_of_flat_border
from segment.pipeline.preparation import preprocess
from segment.pipeline.uneven_light import DIVIDE_BY_PICTURE, warn_of_uneven_light
from segment.preprocessor.logarithms import refuse_logarithms, warn_of_low_values
from segment.preprocessor.preprocessor import clip_floats
from segment.preprocessor.working_copy import is_field_fine
from segment.runs.rasters.raster_run import RasterRun, RasterStage
from segment.runs.rasters.tile_colors import ColorSum, add_tile_colors, collect_tile_colors
from segment.runs.rasters.tile_preprocessing import read_preprocessed
from segment.runs.rasters.tiles import Window
from segment.runs.rasters.working_copy import assemble_copy, make_copy_block, plan_copy_blocks
from segment.segmenter.class_fitting import FittedClasses
from segment.segmenter.class_mixture import ClassMixture
from segment.segmenter.field.field_labels import FieldLabeler, WindowPart
from segment.segmenter.field.field_solver import FieldProblem
from segment.segmenter.field.fine_field import FineFieldLabeler, choose_copy
from segment.segmenter.field.share_sample import LabeledPixels
from segment.segmenter.fit_data import FitData, limit_few_colors
from segment.segmenter.pixel_evidence import is_certain, measure_design_effect
from segment.segmenter.spatial_model import choose_spatial_type

__all__ = ["RasterClasses", "fit_raster_classes"]

MAX_COPY_SIDE = 1024  # pixels, of the copy by which the number of classes is chosen
CHUNK_COLORS = 2**20  # colors that are labeled at once
_SCATTERED = "the valid pixels lie too far apart for a random field: they are labeled by color alone"


@dataclass(frozen=True, eq=False)
class RasterClasses:
    """The classes of a raster, and how its pixels are labeled.

    Attributes
    ----------
    fitted : FittedClasses
        The classes, and how they were found.
    space : FeatureSpace
        How a color becomes a feature vector.
    label : callable
        Takes the image of a window, the window, and its rows and columns whose shares count; returns labels before
        clean-up. It is sent to workers.
    empty_reason : str
        Why a class has no pixel before clean-up, and what the user can do.
    notes : tuple of str
        A sentence for the user for each surprise.
    design_effect : float, >= 1
        How many neighboring pixels count as one witness in the clean-up; 0 where no color is in doubt.
    light : tuple of str
        A sentence if the light is uneven, or other than that of a model.
    """

    fitted: FittedClasses
    space: FeatureSpace
    label: Callable[[Image, Window, WindowPart], LabeledPixels]
    empty_reason: str
    notes: tuple[str, ...]
    design_effect: float
    light: tuple[str, ...]


def fit_raster_classes(run: RasterRun) -> RasterClasses:
    """Make the first pass over a raster, and fit the classes.

    Parameters
    ----------
    run : RasterRun
        Its raster has a known scale.
    """
    if run.config.log_scale:
        refuse_logarithms(clip_floats(run.raster.read_thumbnail(MAX_COPY_SIDE)))
    if not choose_spatial_type(run.config).needs_copies:
        # By this copy the number of classes is chosen, and clean-up judges.
        return _fit_to_colors(run, preprocess(run.raster.read_thumbnail(MAX_COPY_SIDE), run.config))
    # The working copy has a fixed number of pixels, whatever the size of the raster: it fits into memory.
    blocks = plan_copy_blocks(run.raster, run.tile)
    make_block = partial(make_copy_block, run.raster, config=run.config)
    whole = assemble_copy(run.raster, run.map_tiles(make_block, RasterStage.MAKE_COPY, blocks))
    copy, colors = whole.image, whole.colors
    is_small = copy.valid.shape == (run.raster.height, run.raster.width)
    # The averages of few colors are other colors.
    has_few = not is_small and colors is not None and len(colors) <= limit_few_colors(run.config)
    if not has_few and not whole.is_scattered:
        return _fit_with_field(run, copy)
    # Single pixels between gaps have no neighbors in the copy, so a field on it would say nothing of them.
    classes = _fit_to_colors(replace(run, config=replace(run.config, smoothness=0)), copy)
    return classes if has_few else replace(classes, notes=(*classes.notes, _SCATTERED))


def _fit_with_field(run: RasterRun, copy: Image) -> RasterClasses:
    """Fit the classes to the working copy, and solve the field on it, as :func:`segment.segment_image` does."""
    config = run.config
    features = extract_features(copy, config.features)
    space = features.space
    run.on_stage(RasterStage.FIT)
    fitted = run.find_classes(FitData(space, features.cells, (copy,)), config)
    unmerged = fitted.classes.unmerged
    min_log_density = -math.inf
    notes: tuple[str, ...] = ()
    if config.reject:  # a share of all pixels, not of those of the copy
        cells, notes = _count_colors(run).make_cells()
        min_log_density = find_rejection_threshold(unmerged.model, cells, config.reject)
    run.on_stage(RasterStage.SOLVE_FIELD)
    label, design_effect = _make_field_labeler(run, unmerged, space, copy, min_log_density)
    return _measure_classes(run, copy, fitted, space, label, notes, design_effect)


def _measure_classes(
    run: RasterRun,
    copy: Image,
    fitted: FittedClasses,
    space: FeatureSpace,
    label: Callable[[Image, Window, WindowPart], LabeledPixels],
    notes: tuple[str, ...],
    design_effect: float | None = None,
) -> RasterClasses:
    """Measure on the copy what clean-up and warnings need to know of the classes, and the field has not measured."""
    unmerged = fitted.classes.unmerged
    tiles = (read_preprocessed(run.raster, window, run.config) for window in run.windows)
    noise = warn_of_proportional_noise(copy, run.config, is_fitted=fitted.fit.is_fitted)
    other = () if fitted.fit.is_fitted else warn_of_other_light(copy, fitted.classes, space)
    low = warn_of_low_values(run.raster.read_thumbnail(MAX_COPY_SIDE)) if run.config.log_scale else ()
    return RasterClasses(
        fitted,
        space,
        label,
        choose_spatial_type(run.config).explain_empty_class(run.config),
        _warn_of_flat_border(run, copy) + low + notes,
        design_effect or measure_design_effect(unmerged, space, copy),
        warn_of_uneven_light(copy, unmerged, space, tiles, DIVIDE_BY_PICTURE) + noise + other,
    )


def _make_field_labeler(
    run: RasterRun, classes: ClassMixture, space: FeatureSpace, copy: Image, min_log_density: float
) -> tuple[Callable[[Image, Window, WindowPart], LabeledPixels], float | None]:
    """Make what labels a window of the raster: a field on its own pixels, or one that is solved once on the copy.

    Returned with it is the design effect, where the field has measured it.
    """
    shape = run.raster.height, run.raster.width
    problem = FieldProblem(classes, space, copy, run.config.smoothness)
    if is_field_fine(shape):
        fine = FineFieldLabeler(problem, min_log_density=min_log_density)
        return lambda image, _, inner: fine.label(image, inner), None
    # Solved here; with a cluster the labeler is sent to the workers with the solution.
    labeler = FieldLabeler(choose_copy(problem, shape), shape, min_log_density=min_log_density, draws_shares=True)
    return lambda image, window, inner: labeler.label(image, window.row, window.column, inner), labeler.design_effect


def _fit_to_colors(run: RasterRun, copy: Image) -> RasterClasses:
    """Fit the classes to the colors of all pixels; a small copy tells how alike neighbors are."""
    config = run.config
    colors = _count_colors(run)
    space = colors.space
    cells, notes = colors.make_cells()
    run.on_stage(RasterStage.FIT)
    fitted = run.find_classes(FitData(space, cells, (copy,)), config)
    unmerged = fitted.classes.unmerged
    min_log_density = find_rejection_threshold(unmerged.model, cells, config.reject)

    def label_colors(some: NDArray[Any]) -> NDArray[np.uint8]:
        """Label distinct colors, in chunks: the cells of all would take more memory than the colors."""
        chunks = (some[start : start + CHUNK_COLORS] for start in range(0, max(1, len(some)), CHUNK_COLORS))
        return np.concatenate(
            [unmerged.label_cells(space.make_cells(chunk), min_log_density=min_log_density) for chunk in chunks]
        )

    # Where each color is counted, the label of each is looked up in a table.
    find_labels = colors.make_lookup(label_colors)

    def label(image: Image, *_: object) -> LabeledPixels:
        """Label each pixel by its color."""
        return LabeledPixels(ColorIndex(image).map_to_pixels(find_labels))

    found = _measure_classes(run, copy, fitted, space, label, notes)
    return replace(found, design_effect=0.0) if is_certain(unmerged, cells) else found


def _count_colors(run: RasterRun) -> ColorSum:
    """Collect the colors of all pixels."""
    raster, config = run.raster, run.config
    n_channels = 1 if config.greyscale else raster.n_channels
    # ColorIndex quantizes floats to 16 bits between black and white, and logarithms have these.
    is_full_range = raster.kind == "float32" or config.log_scale
    black, white = (0.0, 65535.0) if is_full_range else (raster.black, raster.white)
    space = FeatureSpace(config.features, n_channels, black, white)
    colors = ColorSum(space, "uint8" if raster.kind == "uint8" and not is_full_range else "uint16")
    collect = partial(collect_tile_colors, raster, config=config, space=space)
    # Threads return one part for each tile, a cluster the sum of all.
    for part in run.sum_tiles(collect, add_tile_colors, RasterStage.COUNT_COLORS):
        colors.add(part)
    return colors


def _warn_of_flat_border(run: RasterRun, copy: Image) -> tuple[str, ...]:
    """Say what to do if a flat border is no part of the picture, with the value that it has in the file."""
    has_other_values = run.raster.is_converted or run.config.greyscale or run.config.log_scale
    return warn_of_flat_border(run.raster.read_thumbnail(MAX_COPY_SIDE) if has_other_values else copy)
