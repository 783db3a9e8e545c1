"""Credit against a world whose truth is known: what each surface adds is what is found when it is switched to
chance."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from models.credit import LARGEST_LIFT, calibrated, position_effects, split


class World:
    """A page of ``n`` rows; each row has an appeal, each place a chance to be looked at, each of three images a
    factor. Rows are ranked by appeal and an image is chosen well, both with some exploration."""

    def __init__(self, seed: int, images: tuple[float, ...] = (1.0, 1.6, 0.7)) -> None:
        self.rng = np.random.default_rng(seed)
        self.appeal = np.array([0.30, 0.22, 0.15, 0.10, 0.06, 0.04])
        self.look = np.array([1.0, 0.7, 0.5, 0.35, 0.25, 0.2])
        self.images = np.array(images)
        self.image_policy = np.array([0.1, 0.8, 0.1])

    def value(self, rows: bool, places: bool, image: bool) -> float:
        """Chance that the first row asked for is played: its rows, places and image chosen, or drawn.

        One impression of the row that the page puts first; "rows" off: any row; "places" off: any place.
        """
        appeal = self.appeal[0] if rows else self.appeal.mean()
        look = self.look[0] if places else self.look.mean()
        factor = self.images @ self.image_policy if image else self.images.mean()
        return float(appeal * look * factor)

    def truth(self) -> np.ndarray:
        """Shapley over the three surfaces switched to chance, exactly, as shares of the plays; organic last."""
        shares = np.zeros(4)
        everything = self.value(True, True, True)
        for order in itertools.permutations(range(3)):
            on = [False] * 3
            for surface in order:
                before = self.value(*on)
                on[surface] = True
                shares[surface] += (self.value(*on) - before) / 6 / everything
        shares[3] = self.value(False, False, False) / everything
        return shares


@pytest.mark.parametrize("seed", [1, 2])
def test_the_sum_over_plays_is_what_switching_to_chance_shows(seed: int) -> None:
    world = World(seed)
    # The log: which image was drawn with which propensity; the plays are split by each choice's own lift.
    n = 200_000
    image = world.rng.choice(3, size=n, p=world.image_policy)
    played = world.rng.random(n) < world.appeal[0] * world.look[0] * world.images[image]
    total = np.zeros(4)
    row, place = world.appeal[0] / world.appeal.mean(), world.look[0] / world.look.mean()
    for a in range(3):
        count = int(played[image == a].sum())
        total += count * split(np.array([row, place, world.images[a] / world.images.mean()]))
    found, truth = total / total.sum(), world.truth()
    assert found[:2] == pytest.approx(truth[:2], abs=0.02)
    assert found[3] == pytest.approx(truth[3], abs=0.02)
    # The images that were worse than chance are not debited: the image gets a little more than the truth.
    assert truth[2] - 0.005 < found[2] < truth[2] + 0.03


def test_a_surface_that_does_not_matter_gets_nothing() -> None:
    world = World(3, images=(1.0, 1.0, 1.0))
    assert world.truth()[2] == pytest.approx(0.0)
    assert split(np.array([2.5, 1.7, 1.0]))[2] == 0.0
    # Estimated from few views, equal images look unequal: what propensities measure sets it right.
    views = world.rng.multinomial(3_000, world.image_policy)
    rates = world.rng.binomial(views, 0.05) / views
    lifts = np.maximum(1.0, rates / rates.mean())
    implied = views @ rates / (views @ (rates / lifts))
    live, uniform = views @ rates / views.sum(), rates.mean()
    measured = [calibrated(float(lift), live / uniform, float(implied)) for lift in lifts]
    assert np.mean(measured) <= np.mean(lifts)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_shares_are_fair(count: int) -> None:
    rng = np.random.default_rng(count)
    for _ in range(50):
        lifts = np.exp(rng.normal(0.3, 0.8, count))
        shares = split(lifts)
        assert shares.sum() == pytest.approx(1.0) and (shares >= 0).all()
        assert (shares[:-1][lifts <= 1] == 0).all() and (shares[:-1][lifts > 1] > 0).all()
        order = rng.permutation(count)
        assert split(lifts[order])[:-1] == pytest.approx(shares[:-1][order]), "symmetric"
        assert (np.argsort(shares[:-1][lifts > 1]) == np.argsort(lifts[lifts > 1])).all()
        # By the definition: every order in which the surfaces may have come.
        capped = np.maximum(lifts, 1.0)
        mean = np.zeros(count)
        for arrival in itertools.permutations(range(count)):
            value = 1.0
            for i in arrival:
                mean[i] += value * (capped[i] - 1) / math.factorial(count)
                value *= capped[i]
        assert shares[:-1] == pytest.approx(mean / capped.prod())


def test_absurd_lifts_are_bounded() -> None:
    assert split(np.array([1e12]))[0] == pytest.approx(1 - 1 / LARGEST_LIFT)
    assert split(np.array([float("nan"), 0.0, -1.0, float("inf")]))[3] == pytest.approx(1 - 1 / LARGEST_LIFT)


def test_a_place_is_not_owed_what_its_rows_are() -> None:
    rng = np.random.default_rng(7)
    appeal = np.array([0.30, 0.22, 0.15, 0.10, 0.06, 0.04])
    look = np.array([1.0, 0.7, 0.5, 0.35, 0.25, 0.2])
    seen = np.zeros((6, 6))
    for r, k in itertools.product(range(6), range(6)):  # good rows high, not always
        seen[r, k] = 20_000 * math.exp(-1.2 * abs(r - k))
    plays = rng.binomial(seen.astype(int), appeal[:, None] * look[None, :]).astype(float)
    effects = np.empty(6)
    position_effects(seen, plays, 5.0, effects)
    assert effects / effects[0] == pytest.approx(look, abs=0.05)
    plain = plays.sum(axis=0) / seen.sum(axis=0)
    assert (plain / plain[0])[5] < 0.5 * look[5], "the plain rate would be far off"
    position_effects(np.zeros((6, 6)), np.zeros((6, 6)), 5.0, effects)
    assert (effects == 1).all(), "without outcomes, a place is a place"


def test_calibration_is_the_power_that_agrees() -> None:
    assert calibrated(1.44, 1.2, 1.44) == pytest.approx(1.2)
    assert calibrated(1.2, 100.0, 1.2) == pytest.approx(1.44), "at most squared"
    assert calibrated(1.2, float("nan"), 1.2) == 1.0
    assert calibrated(0.8, 1.5, 1.2) == 0.8 and calibrated(1.3, 1.5, 1.0) == 1.3
