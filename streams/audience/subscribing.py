"""What keeps a simulated viewer with the service: payments, coming back, and trailers that make them want to."""

from __future__ import annotations

from collections.abc import Generator

from streams.audience import habits
from streams.audience.habits import HOUR
from streams.audience.person import Happening
from streams.audience.playing import sigmoid
from streams.audience.seeking import Seeker
from streams.audience.shown import Offer


class Subscriber(Seeker):
    """A seeker who pays, or does not."""

    _noticed: Offer | None = None
    """The offer that was looked at last: nobody looks twice."""

    def _away_ms(self) -> int:
        """Time until the next visit: longer when worn down, and rather in hours in which people watch."""
        hours = self.chance.expovariate(1 / habits.SESSIONS_EVERY_H) / (0.35 + self.contentment)
        return int((0.3 + hours / habits.WAKING[self._now // HOUR % 24] ** 0.5) * HOUR)

    def _pay(self) -> Generator[Happening, None, bool]:
        """A period is over: pay, perhaps in vain, rest, or change the plan. Returns whether they stay."""
        chance = self.chance
        if chance.random() < habits.PAYMENT_FAILS * (10 if self.troubled else 1):
            yield self._paid("subscription_payment_failed")
            self._pass(chance.uniform(1, 72) * 3_600)
            if self.troubled and chance.random() < 0.4:
                yield self._paid("subscription_cancelled")
                return False
        if chance.random() < habits.PAUSES:
            yield self._paid("subscription_paused")
            self._pass(chance.uniform(10, 30) * 86_400)
        if chance.random() < habits.CHANGES_PLAN:
            yield self._paid("subscription_plan_changed", plan=chance.choice(habits.PLANS))
            self._pass(10)
        yield self._paid("subscription_renewed", period_days=30)
        return True

    def _look_at_trailer(self, offer: Offer) -> Generator[Happening, None, bool]:
        """Returns whether the trailer makes them want to see the title."""
        chance = self.chance
        self._noticed = offer
        won = chance.random() < sigmoid(self.liking(*offer) - habits.WON_AT)
        yield self._trailer(*offer, round(chance.uniform(45, 90) if won else chance.uniform(2, 15), 1))
        return won
