"""Classes of many images: the same in all of them, or numbered alike."""

from __future__ import annotations

import dataclasses
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image as PilImage
from program_runs import run_main

import segment
from segment.core.errors import ModelError
from segment.pipeline.alignment import align_classes, measure_drift
from segment.pipeline.label_matching import assign_pairs, compute_class_distances

COLORS = np.array([[20, 30, 40], [200, 60, 50], [70, 160, 80], [220, 220, 230]])


def picture(colors: np.ndarray, noise: float = 4.0) -> np.ndarray:
    """Stripes of the colors, each 12 pixels high, with some noise."""
    rng = np.random.default_rng(3)
    stripes = np.repeat(colors, 12, axis=0)[:, None] + rng.normal(0, noise, (12 * len(colors), 40, 3))
    return stripes.clip(0, 255).round().astype(np.uint8)


@pytest.fixture(scope="module")
def reference() -> segment.ClassModel:
    return segment.fit_classes([picture(COLORS)], k=4).rename_classes("night", "brick", "grass", "snow")


def stripes(label_image: np.ndarray) -> list[int]:
    """The label of each stripe."""
    labels = [np.unique(label_image[at : at + 12]) for at in range(0, len(label_image), 12)]
    assert all(len(each) == 1 for each in labels)
    return [int(each[0]) for each in labels]


def test_classes_take_the_numbers_and_names_of_the_reference(reference: segment.ClassModel) -> None:
    turned = dataclasses.replace(reference, mixture=reference.mixture.reorder([3, 1, 0, 2]))  # not by lightness
    reference = turned.rename_classes("snow", "brick", "night", "grass")
    own = segment.segment_image(picture(COLORS[[2, 0, 3, 1]] + 6), k=4)
    found = align_classes(own, reference)
    by_name = {name: label for label, name in enumerate(reference.names, start=1)}
    assert stripes(found.label_image) == [by_name[name] for name in ("grass", "night", "snow", "brick")]
    assert found.class_model.names == reference.names
    assert [row.label for row in found.classes] == [1, 2, 3, 4]
    for row in found.classes:
        assert row.pixels == np.count_nonzero(found.label_image == row.label)
    np.testing.assert_array_equal(found.posteriors().argmax(axis=2) + 1, found.label_image)


def test_a_class_without_a_counterpart_gets_a_number_of_its_own(reference: segment.ClassModel) -> None:
    other = COLORS.copy()
    other[1] = (60, 40, 220)
    found = align_classes(segment.segment_image(picture(other), k=4), reference)
    brick = reference.names.index("brick") + 1
    labels = stripes(found.label_image)
    assert labels[1] == 5
    assert set(labels) == {1, 2, 3, 4, 5} - {brick}
    assert found.classes[brick - 1].pixels == 0
    assert found.n_classes == len(found.colors) == len(found.classes) == 5
    assert found.posteriors().shape[2] == 5
    again = segment.apply_classes(segment.ClassModel.from_json(found.class_model.to_json()), picture(other))
    np.testing.assert_array_equal(again.label_image, found.label_image)
    assert align_classes(found, reference).class_model == found.class_model


def test_the_last_classes_of_the_reference_may_be_absent(reference: segment.ClassModel) -> None:
    found = align_classes(segment.segment_image(picture(COLORS[[2, 0]]), k=2), reference)
    assert stripes(found.label_image) == [reference.names.index(name) + 1 for name in ("grass", "night")]
    assert found.names == reference.names[: found.n_classes] != reference.names
    lacking = [name for name in reference.names if name in ("brick", "snow")]
    assert [reference.names[label - 1] for label in found.absent] == lacking
    assert found.warnings[-1].startswith(f"nothing here is like {', '.join(lacking)} of --align")


def test_an_image_of_other_features_is_refused_by_its_name(reference: segment.ClassModel, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"^image: the model's features are"):
        align_classes(segment.segment_image(picture(COLORS)[..., 0], k=2), reference)
    PilImage.fromarray(picture(COLORS)[..., 0]).save(tmp_path / "a.png")
    with pytest.raises(ModelError, match=r"a\.png: the model's features are"):
        align_classes(segment.segment_image(tmp_path / "a.png", k=2), reference)


def test_drift_is_the_loss_of_likelihood(reference: segment.ClassModel) -> None:
    same = segment.apply_classes(reference, picture(COLORS))
    assert abs(measure_drift(reference, same)) < 1e-9
    shifted = picture(COLORS + 8)
    applied, own = segment.apply_classes(reference, shifted), segment.segment_image(shifted, k=4)
    drift = reference.training.log_likelihood - float(applied.log_likelihood().mean(dtype=float))
    assert drift > 0.5
    assert measure_drift(reference, applied) == pytest.approx(drift, abs=1e-5)
    assert measure_drift(reference, own) == pytest.approx(drift, abs=1e-5)


@given(arrays(float, st.tuples(st.integers(1, 4), st.integers(1, 4)), elements=st.floats(0, 10)))
def test_the_assignment_costs_least_of_all(costs: np.ndarray) -> None:
    """Against every way to pair some rows with some columns, what is left over counting half of the limit each."""
    m, n = costs.shape
    limit = 3.0

    def cost(pairs: dict[int, int]) -> float:
        return sum(costs[row, column] for row, column in pairs.items()) + limit * (min(m, n) - len(pairs))

    ways = (
        dict(zip(rows, columns, strict=True))
        for size in range(min(m, n) + 1)
        for rows in itertools.combinations(range(m), size)
        for columns in itertools.permutations(range(n), size)
    )
    found = {row: int(column) for row, column in enumerate(assign_pairs(costs, limit)) if column >= 0}
    assert len(set(found.values())) == len(found)
    assert all(costs[row, column] < limit for row, column in found.items())
    assert cost(found) == pytest.approx(min(cost(pairs) for pairs in ways))


def test_distances_are_those_of_an_integral() -> None:
    """-ln of the integral of sqrt(p q), by a sum over a fine grid."""
    x = np.linspace(-40, 40, 200_001)
    means, variances = np.array([[0.0], [3.0]]), np.array([[[1.0]], [[4.0]]])
    p = [
        np.exp(-((x - m) ** 2) / 2 / v) / np.sqrt(2 * np.pi * v)
        for m, v in zip(means.flat, variances.flat, strict=True)
    ]
    overlaps = [[np.sqrt(a * b).sum() * (x[1] - x[0]) for b in p] for a in p]
    np.testing.assert_allclose(
        compute_class_distances((means, variances), (means, variances)), -np.log(overlaps), atol=1e-9
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    for name, colors in {"a": COLORS, "b": COLORS[[1, 1, 2, 0]] + 5, "c": COLORS[[3, 0, 2, 1]] - 4}.items():
        PilImage.fromarray(picture(colors)).save(f"in/{name}.png")
    Path("in/bad.png").write_bytes(b"not an image")
    return tmp_path


def batch(*options: str, names: str = "abc") -> tuple[list[list[int]], list[dict[str, object]]]:
    """The stripes of the images, and the rows of the manifest."""
    assert run_main("batch", "in", "-k", "4", "--save", "labels", "--jobs", "2", *options) == 1  # the bad one
    output = Path(options[options.index("-o") + 1])
    found = [json.loads(line) for line in (output / "segment_manifest.jsonl").read_text().splitlines()]
    labels = []
    for name in names:
        with PilImage.open(output / f"{name}_labels.png") as image:
            labels.append(stripes(np.asarray(image)))
    return labels, found


def test_a_folder_shares_one_model(folder: Path) -> None:
    labels, rows = batch("--model", "shared", "-o", "out")
    assert labels[0][1] == labels[1][0] == labels[2][3]
    assert labels[1][3] == labels[0][0] == labels[2][1]
    model = segment.load_class_model("out/segment_model.json")
    assert model == segment.fit_classes([f"in/{name}.png" for name in "abc"], k=4)
    drifts = [row["drift"] for row in rows if row["status"] == "done"]
    assert len(drifts) == 3
    assert max(drifts) > 0 > min(drifts)  # about the mean of all
    before = {path: path.stat().st_mtime_ns for path in Path("out").iterdir() if path.suffix in (".png", ".json")}
    assert batch("--model", "shared", "--resume", "-o", "out")[0] == labels
    assert before == {path: path.stat().st_mtime_ns for path in before}
    assert batch("--model", "out/segment_model.json", "-o", "applied")[0] == labels


def test_a_folder_is_aligned_to_its_first_image(folder: Path) -> None:
    labels, rows = batch("--align", "first", "-o", "out", names="ac")
    assert labels[0] == stripes(segment.segment_image("in/a.png", k=4).label_image)
    assert labels[1] == [labels[0][i] for i in (3, 0, 2, 1)]
    assert abs(rows[0]["drift"]) < 1e-6


def test_what_excludes_each_other_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for options, words in {
        ("--model", "shared", "--align", "first"): "align (--align): only with --model each",
        ("--model", "shared", "--watch"): "watch (--watch): not with --model shared",
        ("--jobs", "-1"): "jobs (--jobs): a whole number of at least 0; got -1.",
        ("--timeout", "nan"): "timeout (--timeout): seconds from 0",
    }.items():
        assert run_main("batch", "in", "-k", "4", "-o", "out", *options) == 2
        assert words in capsys.readouterr().err
    assert not Path("out").exists()
