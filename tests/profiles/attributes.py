"""Fields of a record are attributes in compiled code; in plain Python those of numpy's record type are. To be called
before anything else of Flywheel is imported: who imports a dtype, or makes a larger one of it, has it as it is then.
"""

from __future__ import annotations

from importlib import import_module

import numpy as np

DTYPES = (
    ("streams.profiles.layout", "PROFILE", "TITLE", "PARTITION", "DECISION"),
    ("streams.profiles.taste", "TASTE", "TITLE_TASTE"),
    ("streams.profiles.moments", "MOMENT"),
    ("streams.profiles.audience_cells", "CELL"),
    ("streams.decisions.title_known", "KNOWN"),
    ("streams.decisions.title_bench", "BENCH"),
    ("streams.decisions.artwork", "ART"),
    ("streams.decisions.artwork_outcomes", "RESOLVED"),
    ("streams.decisions.artwork_pages", "MADE"),
    ("streams.decisions.trailers", "OFFERS", "OUTCOME"),
    ("streams.decisions.credit", "CREDIT"),
    ("streams.dealing.parts", "DESK", "RANKING", "IMAGE", "CHOICE", "SIGNAL"),
)
"""Every dtype of compiled code by its module, those before that are parts of others."""


def as_attributes() -> None:
    """Give every dtype numpy's record type."""
    for module, *names in DTYPES:
        of = import_module(module)
        for name in names:
            setattr(of, name, np.dtype((np.record, getattr(of, name))))
