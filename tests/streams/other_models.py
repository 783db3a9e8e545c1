"""River models that are not linear, to be named in settings."""

from __future__ import annotations

from river import tree


def hoeffding() -> tree.HoeffdingTreeClassifier:
    return tree.HoeffdingTreeClassifier(grace_period=20)
