"""The layouts of state that this program reads: today's, and those of earlier releases that a changelog may hold.

A layout is a dtype for each kind of record, under the version that stands in every record's header. Earlier ones
are data (``layout_2``), so that no edit of today's fields can change how an old record is read. A record of an
earlier layout becomes one of today's field by field, by name: what is gone is left out, what is new keeps the value
it was given before (zero, or where a model's weights begin).

To add a layout: raise ``profiles.layout.LAYOUT_VERSION``, write the one before down as data, name it here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import ModuleType

import numpy as np

from streams.errors import RecoveryError
from streams.profiles.audience_cells import CELL
from streams.profiles.layout import LAYOUT_VERSION, PARTITION, PROFILE, TITLE
from streams.profiles.parameters import Array
from streams.profiles.taste import TASTE, TITLE_TASTE
from streams.state import layout_2, layout_3

Layout = Mapping[str, "np.dtype[np.void]"]
"""The dtype of each kind of record."""

TODAY: Layout = {
    "profile": PROFILE,
    "taste": TASTE,
    "title": TITLE,
    "title_taste": TITLE_TASTE,
    "cell": CELL,
    "partition": PARTITION,
}


def _from_data(data: ModuleType) -> Layout:
    """The dtypes that a module of ``FIELDS`` and ``SIZES`` describes.

    >>> _from_data(layout_2)["title"].names
    ('seen', 'quality', 'duration_s', 'row')
    """
    layout: dict[str, np.dtype[np.void]] = {}
    for kind, fields in data.FIELDS.items():
        described = []
        for name, form, shape in re.findall(r"(\w+):(\w+)(?:\[([\d,]+)\])?", fields):
            described.append((name, form, tuple(int(n) for n in shape.split(",")) if shape else ()))
        layout[kind] = np.dtype(described, align=True)
        assert layout[kind].itemsize == data.SIZES[kind], f"{data.__name__}: {kind} is not what it was"
    return layout


READABLE: dict[int, Layout] = {2: _from_data(layout_2), 3: _from_data(layout_3), LAYOUT_VERSION: TODAY}
"""Every layout that can be read, by version. One stays here for as long as a changelog may hold its records."""


def layout_of(version: int, what: str, kind: str) -> np.dtype[np.void]:
    """The dtype of a record of ``kind`` in a layout. ``what`` names the record for the error's sake.

    Raises ``RecoveryError``, saying what to do, for a version that this program does not read.
    """
    if version in READABLE:
        return READABLE[version][kind]
    read = ", ".join(str(known) for known in sorted(READABLE))
    if LAYOUT_VERSION < version < LAYOUT_VERSION + 100:
        hint = (
            "a newer release has written it: go on with that release (a downgrade needs a backup that was made "
            "before the upgrade)"
        )
    else:
        hint = "if an older release wrote it, upgrade by way of one in between; otherwise it is damaged"
    raise RecoveryError(f"{what} has layout {version}, this program reads layouts {read}: {hint}")


def carry_over(old: Array, new: Array) -> None:
    """Copy what ``old`` and ``new`` (records, equally many) have in common: fields by name, of arrays the part that
    both have room for. Everything else in ``new`` stays."""
    for field in old.dtype.names or ():
        if field not in (new.dtype.names or ()):
            continue
        source, target = old[field], new[field]
        if source.ndim != target.ndim:
            continue
        part = tuple(slice(0, min(a, b)) for a, b in zip(target.shape, source.shape, strict=True))
        target[part] = source[part]
