"""A saved model whose classes are found in an image or a raster."""

from __future__ import annotations

from dataclasses import dataclass, replace

from segment.config.config import SegmentConfig
from segment.core.errors import SettingsError
from segment.features.pixel_features import PixelFeatures
from segment.mixture.mixture_fit import score_as_fit
from segment.mixture.selection import Selection
from segment.segmenter.class_fitting import FittedClasses
from segment.segmenter.class_model.class_model import ClassModel
from segment.segmenter.class_model.validation import PREPROCESSING
from segment.segmenter.class_regrouping import regroup_classes
from segment.segmenter.fit_data import FitData
from segment.segmenter.known_colors import recall_colors

__all__ = ["AppliedModel"]

_CLASS_NUMBER_SETTINGS = ("k_range", "criterion", "seed_color")


@dataclass(frozen=True, eq=False)
class AppliedModel:
    """A model with the settings by which its classes are found.

    Attributes
    ----------
    model : ClassModel
        Its classes are ordered, merged and named as the settings say.
    config : SegmentConfig
        The settings, those of the fit among them.
    n_fitted : int
        Number of classes before any were merged.
    notes : tuple of str
        What a user should know of merges and names.
    """

    model: ClassModel
    config: SegmentConfig
    n_fitted: int
    notes: tuple[str, ...]

    @classmethod
    def from_settings(cls, model: ClassModel, config: SegmentConfig) -> AppliedModel:
        """Prepare a model.

        Parameters
        ----------
        model : ClassModel
        config : SegmentConfig
            Settings that only a fit uses are taken from the model or have no effect.

        Returns
        -------
        AppliedModel

        Raises
        ------
        SettingsError
            If only one of the two takes logarithms.
        """
        if config.log_scale != model.preprocessing["log_scale"]:
            raise SettingsError(
                f"log_scale (--log-scale): that of the model, {model.preprocessing['log_scale']}; got "
                f"{config.log_scale}. Values and their logarithms have no classes in common: give that of the model."
            )
        fit_settings = {name: value for name, value in model.settings.items() if name not in PREPROCESSING}
        # These settings might contradict the model's number of classes.
        usual = {name: getattr(SegmentConfig, name) for name in _CLASS_NUMBER_SETTINGS}
        config = replace(config, **usual, **fit_settings)
        if config.order == "auto" and not config.merge and not config.name:
            return cls(model, config, model.n_classes, ())
        new = regroup_classes(model.class_mixture, model.names, model.space, config)
        classes = new.classes
        regrouped = replace(model, mixture=classes.model, groups=classes.groups, parts=classes.parts, names=new.names)
        return cls(regrouped, config, model.n_classes, new.warnings)

    def take_classes(self, data: FitData) -> FittedClasses:
        """Take the classes as they are, and measure how well they explain an image.

        Parameters
        ----------
        data : FitData
            Of the image, of which a copy is known.

        Returns
        -------
        FittedClasses
        """
        model = self.model
        classes, source, valid = model.class_mixture, data.source, data.copies[0].valid
        has_pixels, known = bool(valid.any()), None
        if has_pixels and isinstance(source, PixelFeatures):
            known = recall_colors(classes.unmerged, source.space, source.index)
        fit = score_as_fit(model.mixture, known.compute_mean_log_density(valid) if known else data.cells)
        log_likelihood = float(fit.finish.log_likelihoods[-1])
        warnings = model.training.describe_drift(log_likelihood) if has_pixels else ("no pixel is valid",)
        selection = Selection.from_number(self.n_fitted, model.mixture.n_components)  # merges do not count
        return FittedClasses(classes, selection, fit, model.names, log_likelihood, (*warnings, *self.notes))
