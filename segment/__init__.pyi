# The public names and where they come from: lazy_loader reads this file (SPEC 1), and type checkers do.
from .config.config import SegmentConfig as SegmentConfig
from .core.errors import ClusterError as ClusterError
from .core.errors import DependencyError as DependencyError
from .core.errors import ImageError as ImageError
from .core.errors import ModelError as ModelError
from .core.errors import OutputError as OutputError
from .core.errors import SegmentError as SegmentError
from .core.errors import SettingsError as SettingsError
from .core.image import Image as Image
from .core.version import __version__ as __version__
from .loader.loader import load_image as load_image
from .mixture.estimator import GaussianMixture as GaussianMixture
from .mixture.fitting import fit_mixture as fit_mixture
from .mixture.mixture_fit import MixtureFit as MixtureFit
from .mixture.model import MixtureModel as MixtureModel
from .pipeline.comparison import Comparison as Comparison
from .pipeline.comparison import compare_image as compare_image
from .pipeline.exploration import explore as explore
from .pipeline.page_pipeline import segment_pages as segment_pages
from .pipeline.pipeline import segment_image as segment_image
from .pipeline.region_pipeline import RegionSegmentation as RegionSegmentation
from .pipeline.region_pipeline import segment_regions as segment_regions
from .pipeline.relabeling import RelabeledImage as RelabeledImage
from .pipeline.relabeling import relabel_classes as relabel_classes
from .pipeline.result import Segmentation as Segmentation
from .pipeline.shared_classes import apply_classes as apply_classes
from .pipeline.shared_classes import fit_classes as fit_classes
from .runs.rasters.raster_pipeline import RasterSegmentation as RasterSegmentation
from .runs.rasters.raster_pipeline import segment_raster as segment_raster
from .runs.workers.dask_client import Cluster as Cluster
from .segmenter.class_model.class_model import ClassModel as ClassModel
from .segmenter.class_model.storage import load_class_model as load_class_model
from .segmenter.class_model.storage import save_class_model as save_class_model
from .segmenter.regions.region_finding import region_hierarchy as region_hierarchy
from .segmenter.regions.region_hierarchy import RegionHierarchy as RegionHierarchy

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
    "RelabeledImage",
    "SegmentConfig",
    "SegmentError",
    "Segmentation",
    "SettingsError",
    "__version__",
    "apply_classes",
    "compare_image",
    "explore",
    "fit_classes",
    "fit_mixture",
    "load_class_model",
    "load_image",
    "region_hierarchy",
    "relabel_classes",
    "save_class_model",
    "segment_image",
    "segment_pages",
    "segment_raster",
    "segment_regions",
]
