"""Grids, circles and polygons as regions of interest."""

from __future__ import annotations

import numpy as np
import pytest

from segment.core.errors import ImageError
from segment.core.image import Image
from segment.preprocessor.interest import find_picture_circle, label_polygons, make_circle, make_grid


def test_a_grid_has_equal_cells_with_names() -> None:
    grid = make_grid((5, 6), 2, 3)
    assert grid.names == ("r1c1", "r1c2", "r1c3", "r2c1", "r2c2", "r2c3")
    assert grid.label_image[:, 0].tolist() == [1, 1, 1, 4, 4]
    assert grid.label_image[4].tolist() == [4, 4, 5, 5, 6, 6]


def test_a_grid_finer_than_the_pixels_is_refused() -> None:
    with pytest.raises(ImageError, match=r"at most 5 x 6 cells .* got 6 x 2"):
        make_grid((5, 6), 6, 2)


def fisheye(rng: np.random.Generator, center: tuple[float, float], radius: float, color: int = 4) -> np.ndarray:
    """A noisy picture in a circle, in a surround of one color."""
    pixels = rng.integers(60, 200, (120, 160, 3)).astype(np.uint8)
    pixels[make_circle((120, 160), (*center, radius)).label_image == 0] = color
    return pixels


@pytest.mark.parametrize(("center", "radius"), [((80, 60), 50), ((60, 55), 40), ((80, 60), 70)])
def test_the_circle_of_a_picture_is_found(rng: np.random.Generator, center: tuple[float, float], radius: float) -> None:
    pixels = fisheye(rng, center, radius)
    pixels[2:6, 2:12] = 250  # the time that the camera wrote
    circle, is_found = find_picture_circle(Image.from_array(pixels))
    assert is_found
    assert circle == pytest.approx((*center, radius), abs=1.5)


def test_without_a_surround_it_is_the_largest_circle(rng: np.random.Generator) -> None:
    image = Image.from_array(rng.integers(0, 255, (40, 60)).astype(np.uint8))
    assert find_picture_circle(image) == ((30, 20, 20), False)
    flat = Image.from_array(np.full((40, 60), 7, np.uint8))
    assert find_picture_circle(flat) == ((30, 20, 20), False)


def test_pixels_are_inside_by_their_centers(rng: np.random.Generator) -> None:
    from skimage.measure import points_in_poly

    ring = rng.uniform(-5, 35, (12, 2))
    labels, _ = label_polygons([[ring]], (30, 25))
    centers = np.stack(np.meshgrid(np.arange(25) + 0.5, np.arange(30) + 0.5), axis=-1).reshape(-1, 2)
    assert np.array_equal(labels.reshape(-1) == 1, points_in_poly(centers, ring))


def test_rings_within_others_are_holes() -> None:
    outer, hole = (np.array([[a, a], [b, a], [b, b], [a, b], [a, a]], float) for a, b in ((0, 5), (1, 4)))
    labels, _ = label_polygons([[outer, hole]], (5, 5))
    assert labels.sum() == 25 - 9
    assert not labels[1:4, 1:4].any()


def test_a_part_has_the_labels_of_the_whole(rng: np.random.Generator) -> None:
    regions = [[rng.uniform(0, 50, (7, 2))], [rng.uniform(0, 50, (5, 2))]]
    whole, _ = label_polygons(regions, (50, 50))
    part, _ = label_polygons(regions, (12, 17), (20, 9))
    assert np.array_equal(part, whole[20:32, 9:26])


def test_pixels_of_several_regions_are_those_of_the_last() -> None:
    left, right = (np.array([[x, 0], [x + 3, 0], [x + 3, 2], [x, 2]], float) for x in (0, 2))
    labels, n_shared = label_polygons([[left], [right]], (2, 5))
    assert labels[0].tolist() == [1, 1, 2, 2, 2]
    assert n_shared == 2


def test_regions_beyond_the_image_have_no_pixel() -> None:
    ring = np.array([[90, 90], [95, 90], [95, 95]], float)
    assert not label_polygons([[ring], [-ring]], (10, 10))[0].any()


def test_outlines_of_a_label_image_give_it_back(rng: np.random.Generator) -> None:
    from segment.output.shapes import trace_classes

    label_image = rng.integers(1, 4, (20, 30))
    shapes = trace_classes(label_image)
    regions = [
        [shapes.outlines.points[ring].astype(float) for rings in polygons for ring in rings]
        for _, polygons in shapes.iterate_labels()
    ]
    labels, n_shared = label_polygons(regions, (20, 30))
    assert np.array_equal(labels, label_image)
    assert n_shared == 0
