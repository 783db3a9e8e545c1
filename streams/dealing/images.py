"""Images at a moment: chosen when a visit begins, seen, and played from. Compiled.

An image is chosen when a title enters the best of a profile's ranking, and stands until enough views of it led to
nothing, or another image is clearly better; at most once a day, so that credit stays clean.
"""

from __future__ import annotations

from models.compiled import inlined
from streams.dealing.parts import ASK, DONE, LATE_VIEWS, N_IMAGES, TELL, Table
from streams.decisions.artwork_choices import CHOOSE_AMONG, CHOOSE_WITHIN
from streams.decisions.artwork_outcomes import note_outcome, note_start, resolve_late, shows_choice
from streams.decisions.artwork_pages import choose_due
from streams.profiles.moments import MomentKind
from streams.profiles.parameters import Fields

SESSION, QUALITY = int(MomentKind.SESSION), int(MomentKind.QUALITY)
SEARCHED, RATED = int(MomentKind.SEARCHED), int(MomentKind.RATED)
OVER, SHOWN, STARTED = int(MomentKind.OVER), int(MomentKind.SHOWN), int(MomentKind.STARTED)


@inlined
def note_device(at: int, table: Table) -> None:
    """Keep the device type that was said last: the loop's own may be ahead."""
    records, moment = table.records, table.moments[at]
    if moment.event < 0:
        return
    p, device = records.tastes[moment.slot], table.shown.device[moment.event]
    if device != 0 and p.art_device != device:
        p.art_device = device
        records.dirty[moment.slot] = 1


@inlined
def end_late(at: int, table: Table) -> None:
    """Views whose window is over led to nothing: they are to be told."""
    on, records, moment = table.desk[0], table.records, table.moments[at]
    late = resolve_late(
        records.tastes, moment.slot, moment.ts, on.window_ms, records.titles, records.dirty_title, on.art,
        on.resolved,
    )  # fmt: skip
    on.to_tell = (1 << late) - 1
    if late > 0:
        records.dirty[moment.slot] = 1


@inlined
def image_of(title: Fields, place: int) -> int:
    """The number by which state knows the image at a place of a title."""
    return int(title.art_id[place])


@inlined
def review(at: int, among: int, table: Table) -> int:
    """Choose an image for each of the ``among`` first titles that needs one, and answer with those that change. Adds
    views that end with it to what is to be told."""
    on, records, answers = table.desk[0], table.records, table.answers.images
    moment = table.moments[at]
    p = records.tastes[moment.slot]
    made = choose_due(
        records.tastes, moment.slot, records.titles, records.dirty_title, on.art, table.shared, moment.ts,
        among, on.art_live, on.art_shadow, on.art_uniform, records.keys, on.art_seed, on.due, on.made,
        on.resolved[LATE_VIEWS:],
    )  # fmt: skip
    if made == 0:
        return DONE if on.to_tell == 0 else TELL
    records.dirty[moment.slot] = 1
    changes = 0
    for k in range(made):
        choice = on.made[k]
        on.to_tell |= int(choice.resolved) << (LATE_VIEWS + k)
        if choice.gone != 0:
            answer = answers[on.n[N_IMAGES]]
            answer.at = at
            answer.title = choice.gone - 1
            answer.withdrawn = 1
            answer.plain = p.plain
            on.n[N_IMAGES] += 1
        changes += image_of(records.titles[choice.title], choice.place) != choice.before
    version = int(p.art_version) - changes
    for k in range(made):
        choice = on.made[k]
        if image_of(records.titles[choice.title], choice.place) == choice.before:
            continue
        version += 1
        answer = answers[on.n[N_IMAGES]]
        answer.at = at
        answer.title = choice.title
        answer.withdrawn = 0
        answer.plain = p.plain
        answer.explores = choice.explores
        answer.place = choice.place
        answer.before = choice.before
        answer.version = version
        answer.learned = on.art[0].learned
        answer.propensity = choice.propensity
        on.n[N_IMAGES] += 1
    return DONE if on.to_tell == 0 else TELL


@inlined
def choose_images(at: int, table: Table) -> int:
    """What images do at a moment. Python has to when a title is shown that has an image: only the event knows which
    one was shown."""
    on, records, shown = table.desk[0], table.records, table.shown
    moment = table.moments[at]
    tastes, slot = records.tastes, moment.slot
    if moment.kind == SESSION:
        end_late(at, table)
        note_device(at, table)
        return review(at, CHOOSE_WITHIN if tastes[slot].art_draws == 0 else CHOOSE_AMONG, table)
    if moment.kind == SEARCHED or moment.kind == RATED:
        # The ranking may have changed: its first titles need an image now.
        on.to_tell = 0
        note_device(at, table)
        return review(at, CHOOSE_WITHIN, table)
    if moment.kind == QUALITY or moment.kind == OVER:
        # The ranking may have changed with it: what came up gets its image when the next visit begins, for most of
        # it is gone by then.
        note_device(at, table)
        on.to_tell = note_outcome(
            tastes, slot, moment.title, 1 if moment.kind == QUALITY else 0, records.titles, records.dirty_title,
            on.art, on.resolved,
        )  # fmt: skip
        if on.to_tell != 0:
            records.dirty[slot] = 1
            return TELL
    elif moment.kind == STARTED:
        if note_start(tastes, slot, moment.title, moment.ts, on.window_ms):
            records.dirty[slot] = 1
    elif moment.kind == SHOWN:
        end_late(at, table)
        note_device(at, table)
        if shows_choice(tastes, slot, moment.event, shown.items, shown.items_from, shown.items_to):
            return ASK
        if on.to_tell != 0:
            return TELL
    return DONE
