"""A model that is not linear and tells rows apart from its first mini-batch on, to be named in settings."""

from __future__ import annotations

from river import compose, feature_extraction, linear_model


def curved() -> compose.Pipeline:
    return compose.Pipeline(feature_extraction.PolynomialExtender(), linear_model.LogisticRegression())
