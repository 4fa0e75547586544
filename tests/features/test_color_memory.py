"""Values of colors that are kept from one image to the next."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from segment.core.color_codes import find_entries
from segment.core.image import Image
from segment.features.color_index import ColorIndex
from segment.features.color_memory import ColorMemory


def describe(codes: np.ndarray) -> np.ndarray:
    return np.stack([codes % 251, codes // 7], axis=1).astype(np.float32)


def check(memory: ColorMemory, codes: np.ndarray) -> None:
    kept = memory.look_up("key", codes, describe)
    assert kept is not None
    np.testing.assert_array_equal(kept.values[:, kept.places].T, describe(codes))


def test_values_of_each_image_are_those_of_its_colors(rng: np.random.Generator) -> None:
    memory = ColorMemory()
    for size in (10, 1000, 3, 4000):
        check(memory, rng.integers(0, 2**24, size).astype(np.uint32))
    before = memory.look_up("key", np.arange(5, dtype=np.uint32), describe)
    assert before is not None
    values = before.values.copy()
    check(memory, np.arange(9000, dtype=np.uint32))
    np.testing.assert_array_equal(before.values, values)


def test_another_function_or_a_copy_starts_empty() -> None:
    memory, codes = ColorMemory(), np.array([3, 1], dtype=np.uint32)
    check(memory, codes)
    doubled = memory.look_up("other", codes, lambda some: 2 * describe(some))
    assert doubled is not None
    np.testing.assert_array_equal(doubled.values[:, doubled.places].T, 2 * describe(codes))
    for empty in (pickle.loads(pickle.dumps(memory)), copy.deepcopy(memory)):
        kept = empty.look_up("other", codes, describe)  # were it not empty, the doubled values
        assert kept is not None
        np.testing.assert_array_equal(kept.values.T, describe(np.array([1, 3], dtype=np.uint32)))


@pytest.mark.parametrize(("limit", "value"), [("MAX_VALUES", 40), ("MAX_PAGES", 21)])
def test_memory_is_bounded(limit: str, value: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"segment.features.color_memory.{limit}", value)
    memory = ColorMemory()
    frames = [np.arange(first, first + 12 * 32, 32, dtype=np.uint32) for first in (0, 2**12, 2**13)]
    for frame in frames:
        check(memory, frame)
    assert memory._n_colors == 12  # the first frames were forgotten
    assert memory.look_up("key", np.concatenate(frames), describe) is None
    check(memory, frames[0])


def test_an_interruption_leaves_no_colors_that_were_added_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    memory, calls = ColorMemory(), []
    check(memory, np.arange(5, dtype=np.uint32))

    def interrupt(page_of: np.ndarray, codes: np.ndarray) -> np.ndarray:
        calls.append(codes)
        if len(calls) == 2:  # the first call finds out what is missing
            raise KeyboardInterrupt
        return find_entries(page_of, codes)

    monkeypatch.setattr("segment.features.color_memory.find_entries", interrupt)
    with pytest.raises(KeyboardInterrupt):
        check(memory, np.arange(40, 80, dtype=np.uint32))
    for codes in (np.arange(200, 280), np.arange(40, 80)):
        check(memory, codes.astype(np.uint32))


def test_threads_take_turns(rng: np.random.Generator) -> None:
    memory = ColorMemory()
    frames = [rng.integers(0, 5000, 400).astype(np.uint32) for _ in range(40)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda frame: check(memory, frame), frames))


def test_an_index_recalls_small_images_of_few_bits() -> None:
    pixels = np.array([[[9, 8, 7], [1, 2, 3]]], dtype=np.uint8)
    index, memory = ColorIndex(Image.from_array(pixels)), ColorMemory()
    asked: list[int] = []

    def sum_channels(colors: np.ndarray) -> np.ndarray:
        asked.append(len(colors))
        return colors.sum(axis=1, dtype=np.float32)[:, None]

    for each in (index, index, ColorIndex(Image.from_array(pixels[:, ::-1]))):
        kept = each.recall(memory, "sum", sum_channels)
        assert kept is not None
        np.testing.assert_array_equal(kept.values[0, kept.places], each.pixels.sum(axis=1))
    assert asked == [2]
    deep = ColorIndex(Image.from_array(pixels.astype(np.uint16) * 200))
    assert deep.recall(memory, "sum", sum_channels) is None
