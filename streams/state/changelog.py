"""State to the changelog and back: what changed since the last checkpoint out, the whole log in. Formats
are ``codec``'s."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable

import numpy as np

from streams.errors import RecoveryError
from streams.profiles.layout import LAYOUT_VERSION
from streams.rekeyed.owners import CHANGELOG_KEY
from streams.state import codec, layouts
from streams.state.partition_state import PartitionState

log = logging.getLogger(__name__)


def take_changes(state: PartitionState) -> tuple[list[bytes], list[bytes | None]]:
    """Keys and values of every record that changed since the last call; a removed profile is a
    tombstone."""
    changed, removed = state.profiles.take_dirty()
    # Tombstones first: the slot that a removed profile left may belong to one of the records behind them.
    keys = [codec.PROFILE_KEY + name.encode() for name in removed]
    # With the surfaces switched off, too: they may have been on before, and may be again.
    keys.extend(codec.TASTE_KEY + name.encode() for name in removed)
    changed_cells, removed_cells = state.cells.take_dirty()
    keys.extend(codec.CELL_KEY + name.encode() for name in removed_cells)
    values: list[bytes | None] = [None] * len(keys)
    changed_titles, _ = state.titles.take_dirty()
    tastes, title_tastes = state.tastes.take_dirty(), state.title_tastes.take_dirty()
    for more_keys, more_values in (
        codec.encode_profiles(state.profiles, changed),
        codec.encode_profiles(state.profiles, tastes, state.tastes.records, codec.TASTE_KEY),
        codec.encode_titles(state.titles, changed_titles, state.new_titles),
        codec.encode_title_tastes(state.titles, state.title_tastes, title_tastes),
        codec.encode_profiles(state.cells, changed_cells, key=codec.CELL_KEY),
    ):
        keys.extend(more_keys)
        values.extend(more_values)
    state.new_titles = []
    if state.changed:
        keys.append(codec.MODEL_KEY)
        values.append(_dump_models(state))
        state.changed = False
    return keys, values


def restore(
    state: PartitionState,
    keys: list[bytes],
    values: list[bytes | None],
    restore_owned: Callable[[bytes, bytes | None], None],
) -> None:
    """Take changelog records in, in log order; ``restore_owned`` takes those of the owners of re-keyed
    records. Raises ``RecoveryError`` for one that cannot be read."""
    names: list[str] = []
    records: list[bytes] = []
    taste_names: list[str] = []
    tastes: list[bytes] = []

    def place() -> None:
        codec.decode_profiles(state.profiles, names, records)
        codec.decode_profiles(state.profiles, taste_names, tastes, state.tastes)
        for gathered in (names, records, taste_names, tastes):
            gathered.clear()

    for key, value in zip(keys, values, strict=True):
        kind, name = key[:1], key[1:]
        if kind == codec.PROFILE_KEY:
            if value is not None:
                names.append(name.decode())
                records.append(value)
                continue
            place()
            if name.decode() in state.profiles.slots:
                state.profiles.remove(name.decode())
        elif kind == codec.CELL_KEY:
            codec.restore_cell(state.cells, name.decode(), value)
        elif kind == CHANGELOG_KEY:
            restore_owned(key, value)
        elif kind == codec.TASTE_KEY:
            if value is not None and state.tastes_used:  # a removed profile's goes with the profile
                taste_names.append(name.decode())
                tastes.append(value)
        elif value is None:
            raise RecoveryError(f"the changelog has a tombstone for {key!r}, which is never removed")
        elif kind == codec.TITLE_NAME_KEY:
            state.titles.place(name.decode(), codec.read_header(int.from_bytes(value[:8], "little"))[1])
        elif kind == codec.TITLES_KEY:
            codec.decode_title_block(state.titles, value)
        elif kind == codec.TITLE_TASTES_KEY:
            if state.tastes_used:
                codec.decode_title_tastes(state.titles, state.title_tastes, value)
        elif kind == codec.MODEL_KEY:
            state.saved_models = value  # one a checkpoint: only the last counts
        else:
            raise RecoveryError(
                f"the changelog has a record of unknown kind {kind!r}: did something else write it?"
            )
    place()


def finish_restore(state: PartitionState) -> None:
    """The changelog is read: load the models, check it, know the free slots, start with nothing dirty."""
    if state.saved_models is not None:
        _load_models(state, state.saved_models)
        state.saved_models = None
    state.profiles.restored(int(state.table["slots"][0]))
    state.titles.restored(0)
    state.profiles.take_dirty()
    state.titles.take_dirty()
    state.cells.restored(0)
    state.cells.take_dirty()
    state.tastes.take_dirty()
    state.title_tastes.take_dirty()
    state.forget_catalog()
    born = int(np.count_nonzero(state.profiles.records["born"][: len(state.profiles.names)]))
    if born != len(state.profiles):
        raise RecoveryError(f"the changelog names {len(state.profiles)} profiles and holds {born}")


def _dump_models(state: PartitionState) -> bytes:
    """The partition's record, the rows and both models. A pickle, as River's models are; only this
    program writes the topic."""
    table = codec.encode_table(state.table)
    surfaces = state.surfaces.dump() if state.surfaces is not None else {}
    # What belongs to a surface that is switched off is kept for the day on which it is switched on again.
    small = {**state.saved_surfaces, **surfaces}
    return pickle.dumps(
        (LAYOUT_VERSION, table, state.rows, state.quality.dump(), state.churn.dump(), state.tags, small), 5
    )


def _load_models(state: PartitionState, value: bytes) -> None:
    try:
        version, *parts = pickle.loads(value)
    except Exception as error:  # whatever a damaged pickle raises
        raise RecoveryError(f"the changelog's model record cannot be read: {error!r}") from error
    layouts.layout_of(version, "the changelog's model record", "partition")
    table, rows, quality, churn, state.tags, state.saved_surfaces = parts
    codec.decode_table(state.table, table)
    state.rows = rows
    if state.surfaces is not None:
        state.surfaces.load(state.saved_surfaces)
    for learner, dumped in ((state.quality, quality), (state.churn, churn)):
        if not learner.load(dumped):
            log.warning(
                "the %s model starts anew: the changelog holds %s, configured is %s",
                learner.name, dumped[0], learner.spec,
            )  # fmt: skip
