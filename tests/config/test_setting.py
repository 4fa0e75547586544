"""One setting: which values it accepts, and how others are refused."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from setting_values import NEEDED

from segment.config.config import SegmentConfig, list_settings
from segment.config.products import PRODUCTS
from segment.config.setting import Setting
from segment.core.errors import SettingsError

PRODUCT_NAMES = ", ".join(product.name for product in PRODUCTS)


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("k", 0, "k (-k): a whole number from 1 to 255 or auto; got 0."),
        ("k", 256, "k (-k): a whole number from 1 to 255 or auto; got 256."),
        ("k", 2.5, "k (-k): a whole number from 1 to 255 or auto; got 2.5."),
        ("k", "4", "k (-k): a whole number from 1 to 255 or auto; got '4'."),
        ("k", "Auto", "k (-k): a whole number from 1 to 255 or auto; got 'Auto'."),
        ("k", True, "k (-k): a whole number from 1 to 255 or auto; got True."),
        ("k", None, "k (-k): a whole number from 1 to 255 or auto; got None."),
        ("k", [4], "k (-k): a whole number from 1 to 255 or auto; got [4]."),
        *[
            (
                "k_range",
                wrong,
                f"k_range (--k-range): LOW..HIGH, whole numbers from 1 to 255, the lower first; got {wrong!r}.",
            )
            for wrong in (
                "0..3",
                "3..2",
                "1..256",
                "4",
                "1..2..3",
                "a..b",
                "",
                (1, 2.5),
                (1,),
                5,
                None,
                ("1", "2"),
                "1_0..1_2",
                "\u0663..9",
            )
        ],
        ("seed", 2**32, "seed (--seed): a whole number from 0 to 4294967295; got 4294967296."),
        ("max_pixels", math.inf, "max_pixels (--max-pixels): a whole number of at least 1; got inf."),
        ("tol", math.nan, "tol (--tol): a number of at least 0; got nan."),
        ("tol", math.inf, "tol (--tol): a number of at least 0; got inf."),
        ("tol", -1e-9, "tol (--tol): a number of at least 0; got -1e-09."),
        ("reject", 1.5, "reject (--reject): a number from 0 to 1; got 1.5."),
        (
            "max_hole",
            "5acres",
            "max_hole (--max-hole): a number from 0 to 1 or an area such as 50px, 4mm2, 400m2 or 0.5ha; got '5acres'.",
        ),
        ("denoise", "blur", "denoise (--denoise): one of none, gaussian, median, bilateral; got 'blur'."),
        (
            "denoise",
            "meidan",
            "denoise (--denoise): one of none, gaussian, median, bilateral; got 'meidan'. Did you mean median?",
        ),
        ("features", None, "features (--features): one of rgb, lab, hsv, intensity; got None."),
        ("greyscale", 1, "greyscale (--greyscale): True or False; got 1."),
        ("greyscale", "yes", "greyscale (--greyscale): True or False; got 'yes'."),
        (
            "seed_color",
            "blue",
            "seed_color (--seed-color): colors written #RRGGBB, with six hexadecimal digits; got 'blue'.",
        ),
        (
            "seed_color",
            ["#12345g"],
            "seed_color (--seed-color): colors written #RRGGBB, with six hexadecimal digits; got '#12345g'.",
        ),
        ("seed_color", 5, "seed_color (--seed-color): colors written #RRGGBB, with six hexadecimal digits; got 5."),
        ("save", "", f"save (--save): one or more of {PRODUCT_NAMES}; got ''."),
        ("save", (), f"save (--save): one or more of {PRODUCT_NAMES}; got ()."),
        (
            "save",
            "labels,picture",
            f"save (--save): one or more of {PRODUCT_NAMES}; got 'labels,picture'.",
        ),
        (
            "save",
            "labels,panle",
            f"save (--save): one or more of {PRODUCT_NAMES}; got 'labels,panle'. Did you mean panel?",
        ),
        ("save", 5, f"save (--save): one or more of {PRODUCT_NAMES}; got 5."),
        ("save", [["labels"]], f"save (--save): one or more of {PRODUCT_NAMES}; got [['labels']]."),
    ],
)
def test_wrong_value_is_refused_by_name(name: str, value: Any, rule: str) -> None:
    with pytest.raises(SettingsError, match=f"^{re.escape(rule)}$"):
        SegmentConfig(**{name: value})


@pytest.mark.parametrize("given_", ["2..9", (2, 9), [2, 9], (2.0, np.int64(9))])
def test_span_is_two_whole_numbers(given_: Any) -> None:
    span = SegmentConfig(k="auto", k_range=given_).k_range
    assert (span, str(span)) == ((2, 9), "2..9")
    assert [type(part) for part in span] == [int, int]


def test_array_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"^features \(--features\): one of"):
        SegmentConfig(features=np.array(["lab", "rgb"]))  # type: ignore[arg-type]


def test_number_too_large_for_a_float_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"^tol \(--tol\)"):
        SegmentConfig(tol=10**400)


def test_numpy_numbers_and_flags_become_python_ones() -> None:
    config = SegmentConfig(k=np.int64(3), tol=np.float32(0.5), max_iter=20.0, overwrite=np.True_)  # type: ignore[arg-type]
    assert (config.k, config.tol, config.max_iter, config.overwrite) == (3, 0.5, 20, True)
    assert [type(value) for value in (config.k, config.tol, config.max_iter, config.overwrite)] == [
        int,
        float,
        int,
        bool,
    ]


@pytest.mark.parametrize("given_", ["labels,panel", ["labels", "panel"], ("panel", "labels", "labels")])
def test_choices_are_sorted_and_unique(given_: Any) -> None:
    assert SegmentConfig(save=given_).save == ("panel", "labels")


@given(st.sampled_from([s for s in list_settings() if s.type in (int, float)]), st.floats() | st.integers())
def test_number_is_accepted_exactly_within_its_range(setting: Setting, value: float) -> None:
    whole = math.isfinite(value) and value == int(value)
    good = math.isfinite(value) and setting.low <= value <= setting.high and (whole or setting.type is float)
    values = {**NEEDED[setting.name], setting.name: value}
    if good:
        assert SegmentConfig(**values) == dataclasses.replace(SegmentConfig(), **values)
    else:
        with pytest.raises(SettingsError, match=f"^{setting.name} "):
            SegmentConfig(**values)


@pytest.mark.parametrize(
    ("name", "given_", "text"),
    [
        ("name", {4: "sky", "leaf": "greenest"}, ("4=sky", "leaf=greenest")),
        ("merge", {"land": (1, 2), "sea": [3, 4]}, ("land=1,2", "sea=3,4")),
        ("group", {"plant": ["leaf", 2]}, ("plant=leaf,2",)),
        ("palette", {"sky": "#4477AA", 2: "#228833"}, "sky=#4477AA,2=#228833"),
        ("palette", ["#4477aa", "#228833"], "1=#4477aa,2=#228833"),
        ("crop", np.array([0, 0, 8, 8]), "0,0,8,8"),
        ("bands", np.array([4, 3]), "4,3"),
    ],
)
def test_mappings_and_sequences_are_taken_for_texts(name: str, given_: Any, text: Any) -> None:
    assert getattr(SegmentConfig(**{name: given_}), name) == text
