"""How well a class model explains its training images, and other images beside them."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DRIFT_LIMIT", "Training"]

# An image has drifted if its log-likelihood is lower than that of the worst training image by this, in nats a pixel.
# Measured: see `Training.describe_drift`.
DRIFT_LIMIT = 1.0


@dataclass(frozen=True)
class Training:
    """How well a model explains the images it was fitted to.

    Attributes
    ----------
    images : int
        Number of images.
    pixels : int
        Valid pixels of all images.
    log_likelihood : float
        Mean over these pixels, in nats.
    lowest_log_likelihood : float
        Mean over the pixels of the image that is explained worst; the same as `log_likelihood` for one image.
    notes : tuple of str
        Remarks on the fit, a sentence each.
    """

    images: int
    pixels: int
    log_likelihood: float
    lowest_log_likelihood: float
    notes: tuple[str, ...] = ()

    def describe_drift(self, log_likelihood: float) -> tuple[str, ...]:
        """Describe in a warning that the classes explain an image badly, if they do.

        Parameters
        ----------
        log_likelihood : float
            Mean over the image's pixels, in nats.

        Returns
        -------
        tuple of str
            One sentence, or none.

        Notes
        -----
        An image has drifted where a pixel has on average 1 nat less than in the training image explained worst. With
        four RGB classes, fitted to one of five photographs each, this flags each of the other four, 20 of 20; none of
        10 photographs made lighter or darker by 10 levels of 255, 2 of 10 by 20 and 8 of 10 by 40; and of models
        fitted to one half of a photograph, left or right, 1 of 10 on its other half. Intensity alone tells less: two
        photographs often have the same grays.

        Examples
        --------
        >>> training = Training(images=2, pixels=600, log_likelihood=-10.0, lowest_log_likelihood=-11.0)
        >>> training.describe_drift(-11.9)
        ()
        >>> len(training.describe_drift(-12.1))
        1
        """
        # The worst training image and not the mean: images differ in how well the same classes explain them.
        lowest = self.lowest_log_likelihood
        if log_likelihood >= lowest - DRIFT_LIMIT:
            return ()
        return (
            f"the model explains this image badly: log-likelihood {log_likelihood:.2f} a pixel, where its training "
            f"images have at least {lowest:.2f}; check exposure and colors, or fit the model again",
        )
