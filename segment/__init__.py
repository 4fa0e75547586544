"""Segment images into a few meaningful areas with Gaussian mixtures; no training data.

>>> import numpy as np, segment
>>> result = segment.segment_image(np.kron([[0, 80], [160, 240]], np.ones((8, 8), int)).astype(np.uint8), k=4)
>>> result.label_image[::8, ::8].tolist()
[[1, 2], [3, 4]]

The public names are loaded on first use, so importing the package is fast.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segment.class_models.file import load_class_model, save_class_model
    from segment.class_models.model import ClassModel
    from segment.classes import apply_classes, fit_classes
    from segment.cluster.connection import Cluster
    from segment.comparison import Comparison, compare_image
    from segment.config import SegmentConfig
    from segment.errors import (
        ClusterError,
        DependencyError,
        ImageError,
        ModelError,
        OutputError,
        SegmentError,
        SettingsError,
    )
    from segment.grouping import region_hierarchy
    from segment.image import Image
    from segment.loader import load_image
    from segment.mixture.estimator import GaussianMixture
    from segment.mixture.fitting import MixtureFit, fit_mixture
    from segment.mixture.model import MixtureModel
    from segment.pipeline import segment_image
    from segment.rasters.passes import RasterSegmentation, segment_raster
    from segment.regional import RegionSegmentation, segment_regions
    from segment.segmentation import Segmentation
    from segment.spatial.hierarchy import RegionHierarchy

__version__ = "0.1.0"

_HOMES = {
    "ClassModel": "segment.class_models.model",
    "Cluster": "segment.cluster.connection",
    "ClusterError": "segment.errors",
    "Comparison": "segment.comparison",
    "DependencyError": "segment.errors",
    "GaussianMixture": "segment.mixture.estimator",
    "Image": "segment.image",
    "ImageError": "segment.errors",
    "MixtureFit": "segment.mixture.fitting",
    "MixtureModel": "segment.mixture.model",
    "ModelError": "segment.errors",
    "OutputError": "segment.errors",
    "RasterSegmentation": "segment.rasters.passes",
    "RegionHierarchy": "segment.spatial.hierarchy",
    "RegionSegmentation": "segment.regional",
    "SegmentConfig": "segment.config",
    "SegmentError": "segment.errors",
    "Segmentation": "segment.segmentation",
    "SettingsError": "segment.errors",
    "apply_classes": "segment.classes",
    "fit_classes": "segment.classes",
    "compare_image": "segment.comparison",
    "fit_mixture": "segment.mixture.fitting",
    "load_class_model": "segment.class_models.file",
    "load_image": "segment.loader",
    "save_class_model": "segment.class_models.file",
    "region_hierarchy": "segment.grouping",
    "segment_image": "segment.pipeline",
    "segment_raster": "segment.rasters.passes",
    "segment_regions": "segment.regional",
}

__all__ = [
    "ClassModel",
    "Cluster",
    "ClusterError",
    "Comparison",
    "DependencyError",
    "GaussianMixture",
    "Image",
    "ImageError",
    "MixtureFit",
    "MixtureModel",
    "ModelError",
    "OutputError",
    "RasterSegmentation",
    "RegionHierarchy",
    "RegionSegmentation",
    "SegmentConfig",
    "SegmentError",
    "Segmentation",
    "SettingsError",
    "__version__",
    "apply_classes",
    "compare_image",
    "fit_classes",
    "fit_mixture",
    "load_class_model",
    "load_image",
    "region_hierarchy",
    "save_class_model",
    "segment_image",
    "segment_raster",
    "segment_regions",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'segment' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
