"""From labels to a result: clean them up, measure the classes, and collect the warnings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segment.config.config import SegmentConfig
from segment.core.image import Image
from segment.features.color_index import ColorIndex
from segment.features.pixel_features import extract_features
from segment.pipeline.class_table import ClassRow, set_expected_shares, tabulate_classes
from segment.pipeline.fine_structure import warn_of_fine_structure
from segment.pipeline.label_cleanup import (
    LabelCleaner,
    count_cleanup_moves,
    count_pixels_and_regions,
    is_cleanup_by_evidence,
    resolve_sizes,
)
from segment.pipeline.noise_warnings import warn_of_isolated_pixels, warn_of_proportional_noise
from segment.pipeline.provenance import Provenance
from segment.pipeline.result import Segmentation
from segment.pipeline.result_warnings import (
    collect_result_warnings,
    does_cleanup_thin,
    find_labels_lost_in_cleanup,
    warn_of_absent_classes,
    warn_of_cleanup,
    warn_of_kept_coordinates,
)
from segment.pipeline.uneven_light import warn_of_uneven_light
from segment.postprocessor.postprocessor import CleanedLabels
from segment.preprocessor.logarithms import warn_of_low_values
from segment.preprocessor.preprocessor import clip_floats, enlarge
from segment.preprocessor.working_copy import make_working_copy
from segment.segmenter.class_fitting import FittedClasses
from segment.segmenter.class_mixture import ClassMixture
from segment.segmenter.class_model.class_model import ClassModel
from segment.segmenter.field.share_sample import LabeledPixels
from segment.segmenter.pixel_evidence import is_certain, measure_design_effect
from segment.segmenter.spatial_model import ColorsAlone, RegionClasses, SpatialModel, choose_spatial_type

__all__ = ["build_result", "clean_labels"]


def clean_labels(
    labeled: LabeledPixels, classes: ClassMixture, spatial: SpatialModel, config: SegmentConfig, image: Image
) -> CleanedLabels:
    """Clean up the labels of the preprocessed image, as the settings and the spatial model say.

    Parameters
    ----------
    labeled : LabeledPixels
        The labels 1..k, 0 for none. Not changed.
    classes : ClassMixture
        Ties go to the heavier class.
    spatial : SpatialModel
        Whole regions are left as they are.
    config : SegmentConfig
        Its settings for clean-up and its `smoothness` count.
    image : Image
        The image as it was read: sizes in pixels are in its pixels.

    Returns
    -------
    CleanedLabels
        (h, w) labels 1..k of the preprocessed image, 0 for none.

    Raises
    ------
    SettingsError
        If a size is in meters and the area of a pixel is not known.
    """
    raw = labeled.label_image
    if not spatial.is_cleaned:
        return CleanedLabels(raw, 0.0)
    sizes = resolve_sizes(config, image.valid.shape, image.pixel_area)
    space, index, design_effect = spatial.data.space, spatial.image_index, 1.0
    # Whether there are more colors than classes is mostly known without counting them all.
    may_be_certain = isinstance(spatial, ColorsAlone) and not spatial.index.has_colors(classes.n_classes + 1)
    if may_be_certain and is_certain(classes, spatial.data.cells):
        design_effect = 0.0
    elif config.clean_up == "evidence":
        copy = make_working_copy(spatial.data.copies[0])
        copy_index = index if copy is spatial.image else None
        design_effect = labeled.design_effect or measure_design_effect(classes, space, copy, copy_index)
    cleaner = LabelCleaner(classes, space, config, sizes, raw.shape, design_effect)
    return cleaner.clean(raw, spatial.image, index)


def build_result(
    image: Image,
    spatial: SpatialModel,
    labeled: LabeledPixels,
    cleaned: CleanedLabels,
    found: FittedClasses,
    class_model: ClassModel,
    config: SegmentConfig,
    provenance: Provenance,
    color_model: ClassModel | None = None,
) -> Segmentation:
    """Bring the labels to the size of the image, measure the classes, and collect the warnings.

    Parameters
    ----------
    image : Image
        The image as it was read.
    spatial : SpatialModel
        Of the preprocessed image.
    labeled, cleaned : LabeledPixels and CleanedLabels
        Its labels before and after clean-up, with the numbers that the classes have before some are merged.
    found : FittedClasses
        The classes.
    class_model : ClassModel
        The classes for other images.
    config : SegmentConfig
        The settings.
    provenance : Provenance
        How the segmentation came about.
    color_model : ClassModel, optional
        The model that the classes have their colors from; by default `class_model`.
    """
    raw, clean = (found.classes.merge_labels(labels.label_image) for labels in (labeled, cleaned))
    labels = enlarge(clean, image)
    # A few extreme floats count as black or white in the means too.
    rows = tabulate_classes(labels, clip_floats(image, image.limits), len(found.names))
    moves, estimate = count_cleanup_moves(raw, clean, len(rows)), None
    if labeled.shares:
        moved = moves / max(1, int(np.count_nonzero(clean))) if is_cleanup_by_evidence(config) else 0.0
        estimate = labeled.shares.estimate(found.classes.merged_numbers, moved)
    rows = set_expected_shares(rows, estimate)
    valid = spatial.image.valid
    rejected = float(np.mean(raw[valid] == 0)) if config.reject and valid.any() else 0.0
    warnings = (
        *spatial.image.notes,
        *_note_merged_colors(spatial),
        *found.warnings,
        *_warn_of_classes(rows, raw, rejected, spatial, found, config),
        *_warn_of_cleanup(raw, clean, moves, rows if labels is clean else (), config),
        *_warn_of_limits(clean, raw, spatial, found, config),
        *(warn_of_low_values(image) if config.log_scale else ()),
        *warn_of_absent_classes(config, found.names),
        *warn_of_kept_coordinates(config, image.georeference),
    )
    return Segmentation(
        image=image,
        label_image=labels,
        class_mixture=found.classes,
        selection=found.selection,
        classes=rows,
        fit=found.fit,
        spatial=spatial,
        changed=cleaned.changed,
        rejected=rejected,
        warnings=warnings,
        config=config,
        class_model=class_model,
        provenance=provenance,
        color_model=color_model,
        calibration=estimate.calibration if estimate else None,
    )


def _warn_of_classes(
    rows: tuple[ClassRow, ...],
    raw: NDArray[np.uint8],
    rejected: float,
    spatial: SpatialModel,
    found: FittedClasses,
    config: SegmentConfig,
) -> tuple[str, ...]:
    """Say which classes are empty, by their labels before clean-up too, and which share of the pixels is rejected."""
    # The classes of a saved model may well be missing in an image: only fitted ones are worth a warning.
    fitted_rows = rows if found.fit.is_fitted else ()
    return collect_result_warnings(
        fitted_rows,
        config,
        rejected=rejected,
        lost=find_labels_lost_in_cleanup(raw, fitted_rows),
        reason=choose_spatial_type(config).explain_empty_class(config),
        n_colors=_count_too_few_colors(fitted_rows, spatial, config),
    )


def _note_merged_colors(spatial: SpatialModel) -> tuple[str, ...]:
    """Note that the classes were not fitted to each color, as there are too many; nothing where they were."""
    if not isinstance(spatial, ColorsAlone) or spatial.index.is_tabled or not spatial.index.is_countable:
        return ()
    n_bins = len(spatial.data.cells)
    return (f"nearly every pixel has a color of its own: for the fit they were merged in {n_bins} bins",)


def _count_too_few_colors(rows: tuple[ClassRow, ...], spatial: SpatialModel, config: SegmentConfig) -> int:
    """Count the distinct colors of the image if a class is empty and they are fewer than the classes; else return 0.

    The copy that classes were fitted to may have more colors than the image, between others.
    """
    if all(row.pixels for row in rows):
        return 0
    # Mostly the colors need only be counted: their cells would take more memory than all else.
    if ColorIndex(spatial.image).has_colors(len(rows)):
        return 0
    n_colors = len(extract_features(spatial.image, config.features).cells)
    return n_colors if n_colors < len(rows) else 0


def _warn_of_cleanup(
    raw: NDArray[np.uint8],
    clean: NDArray[np.uint8],
    moves: NDArray[np.int64],
    rows: tuple[ClassRow, ...],
    config: SegmentConfig,
) -> tuple[str, ...]:
    """Say what clean-up has taken; `rows` are the classes of the cleaned labels, none where these were enlarged."""
    pixels = np.array([row.pixels for row in rows], dtype=np.int64)
    if rows and not does_cleanup_thin(pixels - moves, pixels):
        before, after = (np.stack([counts, np.zeros_like(counts)]) for counts in (pixels - moves, pixels))
    else:
        before, after = (count_pixels_and_regions(part, len(moves), raw.shape) for part in (raw, clean))
    return warn_of_cleanup(before, after, config)


def _warn_of_limits(
    clean: NDArray[np.uint8],
    raw: NDArray[np.uint8],
    spatial: SpatialModel,
    found: FittedClasses,
    config: SegmentConfig,
) -> tuple[str, ...]:
    """Say that structure is finer than regions; or of pixels that light is uneven, or many of them isolated."""
    classes = found.classes.unmerged
    if isinstance(spatial, RegionClasses):
        return warn_of_fine_structure(spatial, classes.n_classes, config)
    copy, space = spatial.data.copies[0], spatial.data.space
    uneven = () if config.even_light else warn_of_uneven_light(copy, classes, space, [spatial.image])
    noise = warn_of_proportional_noise(spatial.image, config, is_fitted=found.fit.is_fitted)
    return uneven + noise + warn_of_isolated_pixels(clean, raw, config)
