"""What a result shows of itself: masks, tables, its representation; pickles and comparisons of results."""

from __future__ import annotations

import copy
import dataclasses
import html
import io
import pickle
import sys
from typing import Any

import numpy as np
import pytest
from PIL import Image as PilImage

import segment

MAPS = ("posteriors", "uncertainty", "confidence", "log_likelihood", "class_table", "region_table", "shapes", "report")
PICTURES = ("panel", "legend", "overlay", "contours", "posterior_panel", "uncertainty_panel", "anomaly_panel")


def make_empty_image() -> segment.Image:
    """Make an image without a valid pixel."""
    return segment.Image.from_array(np.zeros((3, 4), np.uint8), valid=np.zeros((3, 4), bool))


@pytest.fixture
def result(quadrants: np.ndarray) -> segment.Segmentation:
    return segment.segment_image(quadrants, k=4, name=["1=shadow", "4=snow"])


@pytest.mark.parametrize("name", ["posterior_panel", "uncertainty_panel", "anomaly_panel", "report"])
def test_labels_without_a_fit_offer_nothing_of_one(name: str) -> None:
    assert hasattr(segment.Segmentation, name)
    assert not hasattr(segment.RelabeledImage, name)


def test_labels_are_the_label_image(result: segment.Segmentation) -> None:
    assert result.labels is result.label_image
    assert result.k == result.n_classes == 4


def test_a_mask_is_found_by_name_and_by_number(result: segment.Segmentation) -> None:
    expected = result.label_image == 4
    for which in ("snow", 4, np.int64(4)):
        mask = result.mask(which)
        assert mask.dtype == bool
        np.testing.assert_array_equal(mask, expected)
    np.testing.assert_array_equal(result.cutout("snow"), result.cutout(4))


def test_masks_are_a_mapping_in_the_order_of_the_labels(result: segment.Segmentation) -> None:
    assert list(result.masks) == ["shadow", "class 2", "class 3", "snow"]
    assert len(result.masks) == 4
    total = sum(label * mask for label, mask in enumerate(result.masks.values(), start=1))
    np.testing.assert_array_equal(total, result.label_image)
    np.testing.assert_array_equal(result.masks[2], result.masks["class 2"])
    assert "snow" in result.masks
    assert "sky" not in result.masks
    assert repr(result.masks) == "<masks of shadow, class 2, class 3, snow>"


@pytest.mark.parametrize("which", ["Snow", 0, 5, -1, True, 1.5, None])
def test_another_class_is_refused(result: segment.Segmentation, which: Any) -> None:
    with pytest.raises(segment.SettingsError, match=r"^class: .*; got ") as refused:
        result.mask(which)
    assert ("Did you mean snow?" in str(refused.value)) == (which == "Snow")
    with pytest.raises(KeyError):
        result.masks[which]


def test_rows_have_the_names_of_the_classes(result: segment.Segmentation) -> None:
    assert [row.name for row in result.classes] == list(result.names) == ["shadow", "class 2", "class 3", "snow"]


def test_posteriors_are_computed_once(quadrants: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    result = segment.segment_image(quadrants, k=3, max_size=10)
    calls = []
    enlarge = type(result)._enlarge_map
    monkeypatch.setattr(type(result), "_enlarge_map", lambda *some: calls.append(1) or enlarge(*some))
    posteriors = result.posteriors()
    assert result.posteriors() is posteriors
    np.testing.assert_array_equal(np.stack(list(result.posterior_maps()), axis=2), posteriors)
    assert len(calls) == 3
    with pytest.raises(ValueError, match="read-only"):
        posteriors[0, 0, 0] = 1


def test_the_representation_is_one_line(result: segment.Segmentation) -> None:
    text = "<Segmentation of 20 x 12 pixels: shadow 16.7 %, class 2 23.3 %, class 3 25.0 %, snow 35.0 %>"
    assert repr(result) == text
    many = segment.segment_image(np.arange(100, dtype=np.uint8).reshape(10, 10), k=20, n_init=1, spatial="none")
    assert "\n" not in repr(many)
    assert repr(many).endswith(", 14 more>")
    assert repr(segment.segment_image(make_empty_image())) == "<Segmentation of 4 x 3 pixels: no class>"


def test_every_result_is_shown_in_one_line(quadrants: np.ndarray) -> None:
    assert repr(segment.Image.from_array(quadrants)) == "<Image: 20 x 12 pixels, RGB, uint8>"
    assert repr(segment.segment_regions(quadrants, regions=1)) == "<RegionSegmentation of 20 x 12 pixels: 1 region>"
    assert repr(segment.compare_image(quadrants, k=2)).count("\n") == 0


@pytest.mark.parametrize(
    "settings", [{}, {"spatial": "none", "max_size": 9}, {"coherence": "region"}, {"k": "auto", "k_range": (1, 3)}]
)
def test_a_result_pickles_after_any_call(quadrants: np.ndarray, settings: dict[str, Any]) -> None:
    result = segment.segment_image(quadrants, **{"k": 3, "n_init": 2, **settings})
    for name in (*MAPS, *PICTURES):
        getattr(result, name)()
    for again in (pickle.loads(pickle.dumps(result)), copy.deepcopy(result), copy.copy(result)):
        assert again == result
        assert hash(again) == hash(result)
        np.testing.assert_array_equal(again.posteriors(), result.posteriors())
        np.testing.assert_array_equal(again.panel(), result.panel())


def test_results_compare_without_error(result: segment.Segmentation, quadrants: np.ndarray) -> None:
    assert result == segment.segment_image(quadrants, k=4, name=["1=shadow", "4=snow"])
    assert result != segment.segment_image(quadrants, k=4)
    assert result != segment.segment_image(quadrants[::-1], k=4, name=["1=shadow", "4=snow"])
    assert result != 4
    assert result in [result]
    again = pickle.loads(pickle.dumps(result))
    for item in dataclasses.fields(result):
        if isinstance(getattr(result, item.name), np.ndarray) or item.name in ("_lock", "spatial"):
            continue
        assert getattr(result, item.name) == getattr(again, item.name) or item.name == "class_mixture"


def test_regions_pickle_and_compare(quadrants: np.ndarray) -> None:
    found = segment.segment_regions(quadrants, regions=2)
    again = pickle.loads(pickle.dumps(found))
    np.testing.assert_array_equal(again.label_image, found.label_image)
    assert again == found
    assert found != segment.segment_regions(quadrants, regions=1)
    np.testing.assert_array_equal(found.mask("region 1"), found.labels == 1)


def test_a_notebook_shows_a_panel_and_a_table(quadrants: np.ndarray) -> None:
    result = segment.segment_image(np.kron(quadrants, np.ones((50, 80, 1), np.uint8)), k=2, name="2=<b>snow & ice")
    with PilImage.open(io.BytesIO(result._repr_png_())) as picture:
        assert (picture.format, picture.mode) == ("PNG", "RGB")
        assert picture.width == 960
    page = result._repr_html_()
    assert page.count("<tr>") == 3
    assert "<b>" not in page
    assert html.escape("<b>snow & ice") in page
    assert len(page) < 200_000
    many = segment.segment_image(np.arange(100, dtype=np.uint8).reshape(10, 10), k=20, n_init=1, spatial="none")
    assert many._repr_html_().count("<tr>") == 14
    assert "and 8 more" in many._repr_html_()
    segment.segment_image(make_empty_image())._repr_html_()
    # Labels without an image have neither colors nor expected shares.
    alone = segment.relabel_classes(result.labels)
    assert alone._repr_html_().count("<td") == 2 * len(("color", "class", "name", "pixels", "share", "mean"))
    assert alone.panel().size < result.panel().size
    assert not [name for name in alone.class_table() if name.startswith(("mean_", "deviation_"))]
    assert segment.compare_image(quadrants, k=2, n_init=1)._repr_png_()[:4] == b"\x89PNG"


def test_pandas_gets_the_tables(result: segment.Segmentation) -> None:
    pytest.importorskip("pandas")
    classes, regions = result.to_pandas(), result.to_pandas("regions")
    assert list(classes.columns) == list(result.class_table())
    assert classes["name"].tolist() == list(result.names)
    assert classes["pixels"].tolist() == [row.pixels for row in result.classes]
    assert classes["share"].sum() == pytest.approx(1)
    assert len(regions) == 4
    with pytest.raises(segment.SettingsError, match=r"^table: classes or regions; got 'pixels'"):
        result.to_pandas("pixels")


def test_without_pandas_the_message_says_how_to_get_it(
    result: segment.Segmentation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(
        segment.DependencyError, match=r"^to_pandas: needs pandas.*pip install 'gmm-segment\[pandas\]'\.$"
    ):
        result.to_pandas()
