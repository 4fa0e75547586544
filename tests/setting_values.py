"""A changed value for each setting, and those that it needs beside it."""

from __future__ import annotations

from typing import Any

from segment.config.setting import Setting, Span

CHANGED: dict[str, Any] = {
    "k": 5,
    "k_range": Span(1, 3),
    "criterion": "icl",
    "components_per_class": 2,
    "order": "area",
    "merge": ("1,2",),
    "name": ("1=a",),
    "regions": "auto",
    "coherence": "region",
    "seed": 1,
    "max_pixels": 10_000,
    "allow_truncated": True,
    "keep_profile": True,
    "crop": "0,0,4,4",
    "nodata": "-9999",
    "mask": "a.tif",
    "roi": "grid:1x2",
    "pixel_size": "2mm",
    "page": 2,
    "bands": "1",
    "max_size": 8,
    "greyscale": True,
    "even_light": True,
    "log_scale": True,
    "denoise": "median",
    "denoise_radius": 0.01,
    "features": "lab",
    "covariance_type": "diag",
    "init": "random",
    "seed_color": ("#0a0b0c",),
    "n_init": 3,
    "prior": "conjugate",
    "shrinkage": 2.0,
    "tails": "student",
    "noise": True,
    "reject": 0.25,
    "tol": 1e-5,
    "tol_step": 0.01,
    "max_iter": 100,
    "spatial": "none",
    "smoothness": 5.0,
    "clean_up": "none",
    "smooth_radius": 0.001,
    "min_region": "50px",
    "max_hole": 0.001,
    "save": ("panel", "model"),
    "labels_format": "npz",
    "palette": "mean",
    "drop_class": ("1",),
    "geojson_crs": "keep",
    "simplify": 2.0,
    "svg_smooth": True,
    "group": ("a=1,2",),
    "background": "1",
    "group_distance": "5px",
    "overwrite": True,
}
NEEDED: dict[str, dict[str, Any]] = {
    **{name: {} for name in CHANGED},
    "k_range": {"k": "auto"},
    "criterion": {"k": "auto"},
    "denoise_radius": {"denoise": "median"},
    "drop_class": {"save": ("geojson",)},
    "geojson_crs": {"save": ("geojson",)},
    "simplify": {"save": ("geojson",)},
    "svg_smooth": {"save": ("svg",)},
    "group_distance": {"save": ("objects",)},
}


def write_option(setting: Setting, value: Any) -> list[str]:
    """The words of the command line that give a setting a value."""
    if setting.type is bool:
        return [setting.option]
    if setting.type is tuple and not setting.choices:
        return [word for part in value for word in (setting.option, part)]
    return [setting.option, ",".join(value) if setting.type is tuple else str(value)]
