"""Settings that contradict each other, or that another makes useless."""

from __future__ import annotations

import re
from typing import Any

import pytest

from segment.config.config import SegmentConfig
from segment.core.errors import SettingsError


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"k": 5, "k_range": (2, 9)}, "k_range (--k-range): only with k = auto, but k is 5; got 2..9. Give -k auto."),
        ({"criterion": "icl"}, "criterion (--criterion): only with k = auto, but k is 4; got icl. Give -k auto."),
        (
            {"k": "auto", "criterion": "entropy", "components_per_class": 2},
            "components_per_class (--components-per-class): 1 with the criterion entropy, which finds the number "
            "itself; got 2.",
        ),
        (
            {"k": "auto", "criterion": "variational", "components_per_class": 3},
            "components_per_class (--components-per-class): 1 with the criterion variational, which finds the number "
            "itself; got 3.",
        ),
        (
            {"k": "auto", "criterion": "variational", "covariance_type": "tied"},
            "covariance_type (--covariance-type): full with the criterion variational; got tied.",
        ),
        (
            {"log_scale": True, "features": "lab"},
            "log_scale (--log-scale): logarithms are no colors; got --features lab too. Leave one out.",
        ),
        (
            {"log_scale": True, "seed_color": ("#000000",)},
            "log_scale (--log-scale): logarithms are no colors; got --seed-color too. Leave one out.",
        ),
        (
            {"log_scale": True, "name": ("dark=darkest", "sea=#2a5d8f")},
            "log_scale (--log-scale): logarithms are no colors; got --name sea=#2a5d8f too. Leave one out.",
        ),
        (
            {"drop_class": "sky"},
            "drop_class (--drop-class): only with geojson or svg in save; got sky. Give --save geojson too.",
        ),
        (
            {"labels_format": "tif", "save": ("panel",)},
            "labels_format (--labels-format): only with labels in save; got tif. Give --save labels too.",
        ),
        (
            {"regions": 5, "labels_format": "npz", "save": ("labels",)},
            "labels_format (--labels-format): png or tif with regions; got npz. Regions have no posteriors.",
        ),
        (
            {"group": ("leaf=1,2", "leaf=3,4")},
            "group (--group): each group once; got leaf twice. Leave one out.",
        ),
        (
            {"group": ("leaf=1,2", "soil=2,3")},
            "group (--group): each class in one group; got 2 twice. Leave one out.",
        ),
        (
            {"group": ("leaf=1,2",), "background": "1"},
            "background (--background): a class that is in no group; got 1. Leave it out of --group.",
        ),
        (
            {"crop": "50,0,20,80"},
            "crop (--crop): LEFT,TOP,RIGHT,BOTTOM with LEFT before RIGHT and TOP before BOTTOM; got 50,0,20,80.",
        ),
    ],
)
def test_contradicting_settings_are_refused(values: dict[str, Any], rule: str) -> None:
    with pytest.raises(SettingsError, match=f"^{re.escape(rule)}$"):
        SegmentConfig(**values)


def test_seed_colors_are_at_most_one_for_each_component() -> None:
    assert SegmentConfig(k=2, seed_color=("#000000", "#ffffff")).max_classes == 2
    with pytest.raises(SettingsError, match=r"^seed_color \(--seed-color\): at most one for each of 1 class; got 2\."):
        SegmentConfig(k=1, seed_color=("#000000", "#ffffff"))
