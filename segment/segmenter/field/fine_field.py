"""The random field of large images, part by part: it is never coarser than `MAX_FIELD_STEP` pixels.

The classes of an image are fitted to a working copy of a fixed number of pixels. Of a gigapixel a pixel of that copy is
44 pixels wide, and a field on it has no place for a road. So the field of large images is solved on a finer copy, which
is made and forgotten part by part. A step of the mean field reaches `REACH_PIXELS` far; all parts take the same number
of steps and see as far around themselves as these reach, so their labels are those of the whole, however it is cut.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from segment.core.image import Image
from segment.preprocessor.preprocessor import shrink
from segment.preprocessor.working_copy import MAX_FIELD_STEP, WORKING_PIXELS, is_field_fine, make_working_copy
from segment.segmenter.field.edge_field import REACH_PIXELS
from segment.segmenter.field.field_fit import shrink_copy_of_many
from segment.segmenter.field.field_labels import FieldLabeler, WindowPart, prepare_field_posteriors
from segment.segmenter.field.field_solver import FieldProblem, measure_field_facts
from segment.segmenter.field.mean_field import LONG_STEPS
from segment.segmenter.field.noise_level import MIN_NOISE_SHARE, measure_noise_share
from segment.segmenter.field.share_sample import LabeledPixels, pool_share_samples
from segment.segmenter.field.shared_noise import solve_on_squares

__all__ = [
    "FIELD_HALO",
    "FineFieldLabeler",
    "add_field_facts",
    "choose_copy",
    "label_with_field",
    "prepare_posteriors",
]

# Pixels of the image around a part: as far as all steps reach, and some for edges, smoothing and interpolation.
FIELD_HALO = (LONG_STEPS.max_steps * REACH_PIXELS + 8) * MAX_FIELD_STEP
PART_VALUES = 2**22  # posteriors of a part, which bound the memory that its field needs
MANY_PIXELS = 2**18  # of the copy of an image on which many classes are labeled


class FineFieldLabeler:
    """Labels of windows of a large image, each with the field on a copy of its own.

    Parameters
    ----------
    problem : FieldProblem
        The field of the working copy of the whole image, which tells its noise and texture.
    min_log_density : float
        In nats. Pixels whose color has a log density below this get label 0.
    """

    def __init__(self, problem: FieldProblem, *, min_log_density: float = -math.inf) -> None:
        self._problem, self._min_log_density = add_field_facts(problem), min_log_density

    def label(self, image: Image, inner: WindowPart | None = None) -> LabeledPixels:
        """Label a window of the image.

        Parameters
        ----------
        image : Image
            The window. Its first row and column in the image are multiples of `MAX_FIELD_STEP`, and it shows
            `FIELD_HALO` pixels more on each side than what is to be labeled right, as far as the image reaches.
        inner : tuple of two slices, optional
            Rows and columns of the window whose shares count; all by default.

        Returns
        -------
        LabeledPixels
        """
        rows, columns = inner or (slice(0, image.height), slice(0, image.width))
        labels, samples = np.zeros(image.valid.shape, dtype=np.uint8), []
        for start, stop in _split_rows(image, self._problem.classes.n_classes):
            part, first = _take_part(image, start, stop)
            own_rows = slice(max(rows.start, start) - start, max(min(rows.stop, stop), start) - start)
            problem, shape = self._problem.with_copy(_make_copy(part)), part.valid.shape
            del part  # padded, it has pixels of its own
            labeler = FieldLabeler(problem, shape, min_log_density=self._min_log_density, draws_shares=True)
            found = labeler.label(_take_rows(image, start, stop), start - first, inner=(own_rows, columns))
            labels[start:stop] = found.label_image
            samples += [found.shares] if found.shares else []
        return LabeledPixels(labels, pool_share_samples(samples))


def label_with_field(problem: FieldProblem, image: Image, min_log_density: float = -math.inf) -> LabeledPixels:
    """Label an image with the random field: that of its working copy, or a finer one where it is large.

    Parameters
    ----------
    problem : FieldProblem
        The field of the working copy.
    image : Image
        The image at full resolution.
    min_log_density : float
        As for :class:`FineFieldLabeler`.

    Returns
    -------
    LabeledPixels
    """
    if is_field_fine(image.valid.shape):
        return FineFieldLabeler(problem, min_log_density=min_log_density).label(image)
    problem = choose_copy(problem, image.valid.shape)
    return FieldLabeler(problem, image.valid.shape, min_log_density=min_log_density, draws_shares=True).label(image)


def prepare_posteriors(
    problem: FieldProblem, image: Image, *, is_tempered: bool = True
) -> Callable[[NDArray[np.intp]], NDArray[np.float32]]:
    """Prepare the posteriors of the pixels of an image, with the field that its labels come from.

    Parameters
    ----------
    problem : FieldProblem
        The field of the working copy.
    image : Image
        The image at full resolution.
    is_tempered : bool
        As for :func:`segment.segmenter.field.field_labels.prepare_field_posteriors`.

    Returns
    -------
    callable
        Takes numbers of pixels in row order, (n,), and returns (n, k), float32, rows summing to 1. For large images it
        keeps the part that was asked for last, so ask in the order of rows.
    """
    if not is_field_fine(image.valid.shape):
        return prepare_field_posteriors(choose_copy(problem, image.valid.shape), image, is_tempered=is_tempered)
    whole, n_classes = add_field_facts(problem), problem.classes.n_classes
    parts = _split_rows(image, n_classes)
    ends = np.array([stop for _, stop in parts]) * image.width

    @lru_cache(maxsize=1)
    def prepare_part(number: int) -> tuple[Callable[[NDArray[np.intp]], NDArray[np.float32]], int, int]:
        """Solve the field of a part; returned with its lookup are its first row and its width."""
        part, first = _take_part(image, *parts[number])
        look_up = prepare_field_posteriors(whole.with_copy(_make_copy(part)), part, is_tempered=is_tempered)
        return look_up, first, part.width

    def compute_posteriors(at: NDArray[np.intp]) -> NDArray[np.float32]:
        """Compute the posteriors of these pixels part by part."""
        found = np.empty((len(at), n_classes), dtype=np.float32)
        numbers = np.searchsorted(ends, at, side="right")
        for number in np.unique(numbers):
            where = np.flatnonzero(numbers == number)
            look_up, first, width = prepare_part(int(number))
            rows, columns = np.divmod(at[where], image.width)
            found[where] = look_up((rows - first) * width + columns)
        return found

    return compute_posteriors


def choose_copy(problem: FieldProblem, shape: tuple[int, int]) -> FieldProblem:
    """Choose the copy on which the field of an image is solved that is not solved part by part.

    Parameters
    ----------
    problem : FieldProblem
        The field of the working copy.
    shape : (height, width)
        Of the image, in pixels.

    Returns
    -------
    FieldProblem
        With a smaller copy where neighbors share their noise (:mod:`segment.segmenter.field.shared_noise`), and for
        many classes.

    Notes
    -----
    Many classes divide what people see as one area. On half of the pixels the field joins a little more of it, and is
    solved in half of the time (``tests/benchmarks/SPEED.md``).
    """
    max_pixels = max(MANY_PIXELS, math.prod(shape) // MAX_FIELD_STEP**2)
    return _shrink_copy(solve_on_squares(problem), max_pixels)


def _shrink_copy(problem: FieldProblem, max_pixels: int) -> FieldProblem:
    """Take the copy of :func:`segment.segmenter.field.field_fit.shrink_copy_of_many`."""
    return problem.with_copy(shrink_copy_of_many(problem.classes, problem.space, problem.copy, max_pixels))


def add_field_facts(problem: FieldProblem) -> FieldProblem:
    """Add the facts that the fields of all parts of a large image have in common.

    Parameters
    ----------
    problem : FieldProblem
        The field of the working copy of the whole image.

    Returns
    -------
    FieldProblem
        To be solved with the copy of each part.
    """
    small = _shrink_copy(problem.with_copy(make_working_copy(problem.copy, WORKING_PIXELS)), WORKING_PIXELS)
    facts = measure_field_facts(small)
    # A copy that is a little smaller mixes neighbors, which hides their noise.
    if problem.classes.model.n_components and not facts.is_noisy:
        share = measure_noise_share([problem.copy], problem.space.name, problem.whiten)
        facts = replace(facts, is_noisy=share >= MIN_NOISE_SHARE)
    return replace(small, facts=facts)


def _split_rows(image: Image, n_classes: int) -> list[tuple[int, int]]:
    """Split the rows of an image so that the field of each part is small: first rows, and rows after the last."""
    width = math.ceil(image.width / MAX_FIELD_STEP)
    rows = MAX_FIELD_STEP * max(1, PART_VALUES // (n_classes * width))
    return [(start, min(start + rows, image.height)) for start in range(0, image.height, rows)]


def _take_part(image: Image, start: int, stop: int) -> tuple[Image, int]:
    """Take rows of an image and those around that their field needs; returned with them is the first row.

    Its sides are padded to multiples of `MAX_FIELD_STEP` with the pixels of the border.
    """
    first, last = max(0, start - FIELD_HALO), min(image.height, stop + FIELD_HALO)
    part = _take_rows(image, first, last)
    down, across = -part.height % MAX_FIELD_STEP, -part.width % MAX_FIELD_STEP
    if down or across:
        padding = ((0, down), (0, across))
        pixels = np.pad(part.pixels, padding + ((0, 0),) * (part.pixels.ndim - 2), mode="edge")
        part = replace(part, pixels=pixels, valid=np.pad(part.valid, padding, mode="edge"))
    return part, first


def _take_rows(image: Image, first: int, last: int) -> Image:
    """Take rows of an image, of which nothing but the pixels counts."""
    return replace(image, pixels=image.pixels[first:last], valid=image.valid[first:last], interest=None)


def _make_copy(part: Image) -> Image:
    """Make the copy of a part on which its field is solved: the means of squares of `MAX_FIELD_STEP` pixels."""
    return shrink(part, max_size=max(part.height, part.width) // MAX_FIELD_STEP)
