"""Gaussian mixtures fitted by Expectation-Maximization; arrays only, no images."""
