"""What the screen shows: the classes of the whole image, its labels at the size of the screen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PilImage
from program_runs import write_photograph

import segment
from segment.web import preview
from segment.web.preview import make_view


@pytest.fixture
def photograph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_photograph("a.png", side=16)
    return Path("a.png")


@pytest.mark.parametrize(
    "settings", [{}, {"spatial": "none"}, {"features": "lab", "max_size": 100}, {"crop": "0,0,90,80"}]
)
def test_classes_are_those_of_the_whole_image(photograph: Path, settings: dict[str, object]) -> None:
    if "spatial" in settings:
        write_photograph("a.png")  # larger: of noise, only the copy of large areas has nearly the same shares
    config = segment.SegmentConfig(k=3, n_init=2, **settings)
    view = make_view(photograph, config, size=64)
    whole = segment.segment_image(photograph, config)
    assert view.result.class_mixture.model == whole.class_mixture.model
    assert max(view.result.label_image.shape) == 64
    assert (view.image.width, view.image.height) == (whole.image.width, whole.image.height)
    assert np.array_equal(view.result.colors, whole.colors)
    for seen, row in zip(view.result.classes, whole.classes, strict=True):
        assert seen.share == pytest.approx(row.share, abs=0.03)


def test_a_scan_of_black_and_white_is_labeled_in_full(photograph: Path) -> None:
    page = np.full((200, 300), 255, np.uint8)
    page[::3] = page[:, ::7] = 0
    PilImage.fromarray(page).save(photograph)
    view = make_view(photograph, segment.SegmentConfig(k=3), size=64)
    assert view.is_full
    assert np.array_equal(view.result.labels, np.where(page == 0, 1, 2))


def test_a_file_that_is_written_anew_is_read_again(photograph: Path) -> None:
    config = segment.SegmentConfig(k=2, n_init=2)
    make_view(photograph, config, size=64)
    write_photograph("a.png", side=8)
    assert np.array_equal(make_view(photograph, config, size=64).image.pixels, segment.load_image("a.png").pixels)
    photograph.unlink()
    with pytest.raises(segment.ImageError, match="no such file"):
        make_view(photograph, config, size=64)


@pytest.mark.parametrize("size", [0, 64])
def test_bands_are_selected_in_an_image_that_is_kept(photograph: Path, size: int) -> None:
    for bands, numbers in (("", [1, 2, 3]), ("3,1", [3, 1]), ("2", [2])):
        view = make_view(photograph, segment.SegmentConfig(k=2, n_init=2, bands=bands), size=size)
        assert np.array_equal(view.image.pixels, segment.load_image(photograph, bands=numbers).pixels)
    with pytest.raises(segment.SegmentError, match="got 9"):
        make_view(photograph, segment.SegmentConfig(k=2, bands="1,9"), size=size)


def test_at_full_size_labels_are_those_of_the_whole_image(photograph: Path) -> None:
    config = segment.SegmentConfig(k=3, n_init=2)
    view = make_view(photograph, config, size=4096)
    assert np.array_equal(view.result.label_image, segment.segment_image(photograph, config).label_image)
    assert make_view(photograph, config, size=0).is_full


@pytest.mark.parametrize("settings", [{"regions": 5}, {"coherence": "region", "k": 2}])
def test_regions_are_found_in_the_whole_image(photograph: Path, settings: dict[str, object]) -> None:
    view = make_view(photograph, segment.SegmentConfig(**settings), size=64)
    assert view.is_full
    assert view.result.label_image.shape == (96, 128)


def test_a_stage_runs_again_only_where_it_has_to(photograph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    for name in ("read_image", "extract_features", "fit_image_classes", "shrink"):
        function = getattr(preview, name)
        monkeypatch.setattr(preview, name, lambda *a, _f=function, _n=name, **b: calls.append(_n) or _f(*a, **b))

    def run(quick: bool = False, **settings: object) -> list[str]:
        calls.clear()
        make_view(photograph, segment.SegmentConfig(**{"n_init": 2, "k": 3, **settings}), size=64, quick=quick)
        return list(calls)

    shrinks = ["shrink", "shrink"]
    assert run() == ["read_image", "extract_features", *shrinks, "fit_image_classes"]
    assert run() == []
    assert run(k=4) == ["fit_image_classes"]
    assert run() == []
    assert run(min_region=0.01) == []
    assert run(smoothness=5.0, quick=True) == []
    assert run(smoothness=5.0) == ["fit_image_classes"]
    assert run(features="lab") == ["extract_features", *shrinks, "fit_image_classes"]
    assert run(crop="0,0,80,60") == ["read_image", "extract_features", *shrinks, "fit_image_classes"]


def test_a_quick_answer_has_similar_classes(photograph: Path) -> None:
    config = segment.SegmentConfig(k=3, n_init=2)
    # By color alone, where there are none of another smoothness.
    quick = make_view(photograph, config, size=64, quick=True)
    assert not quick.is_exact
    alone = segment.segment_image(photograph, k=3, n_init=2, spatial="none")
    assert quick.result.class_mixture.model == alone.class_mixture.model
    exact = make_view(photograph, config, size=64)
    assert exact.is_exact
    assert exact.result.class_mixture.model != alone.class_mixture.model
    assert make_view(photograph, config, size=64, quick=True).is_exact
    other = segment.SegmentConfig(k=3, n_init=2, smoothness=3.0)
    quick = make_view(photograph, other, size=64, quick=True)
    assert not quick.is_exact
    assert quick.result.class_mixture.model == make_view(photograph, config, size=64).result.class_mixture.model
    assert make_view(photograph, other, size=64).is_exact
    # Where nothing is quicker, the answer is exact.
    for settings in ({"k": "auto", "k_range": (2, 2), "n_init": 2}, {"k": 4, "n_init": 2, "spatial": "none"}):
        assert make_view(photograph, segment.SegmentConfig(**settings), size=64, quick=True).is_exact


def test_masks_and_models(photograph: Path) -> None:
    mask = np.zeros((96, 128), np.uint8)
    mask[:, :40] = 255
    PilImage.fromarray(mask).save("m.png")
    view = make_view(photograph, segment.SegmentConfig(k=2, n_init=2, mask="m.png"), size=64)
    assert (view.result.label_image[:, 24:] == 0).all()
    segment.save_class_model(segment.fit_classes([photograph], k=3, n_init=2), "m.json")
    model = segment.load_class_model("m.json")
    config = segment.SegmentConfig.from_values(**model.settings)
    found = make_view(photograph, config, size=64, model="m.json")
    assert np.array_equal(found.result.label_image, segment.apply_classes(model, photograph).label_image)
