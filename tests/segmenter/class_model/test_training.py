"""How badly an image must be explained to be reported."""

from __future__ import annotations

from segment.segmenter.class_model.training import Training


def test_drift_is_one_nat_below_the_worst_training_image() -> None:
    training = Training(images=3, pixels=300, log_likelihood=-10.0, lowest_log_likelihood=-11.5)
    assert training.describe_drift(-12.499) == ()
    (words,) = training.describe_drift(-12.501)
    assert words.startswith("the model explains this image badly: log-likelihood -12.50 a pixel")
    assert "at least -11.50;" in words
