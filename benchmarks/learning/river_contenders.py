"""Plain River, as its manual shows it: one-hot features into logistic regression, a bandit policy for images."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

from river import bandit, linear_model, proba

from benchmarks.learning.contenders import Learner
from benchmarks.learning.outcomes import Outcome
from streams.audience.habits import CATEGORIES_SHOWN
from streams.audience.titles import TAGS, SimulatedCatalog
from streams.audience.truth import RANKED
from streams.audience.viewer import Viewer

BROWSED_S = 15.0
"""Who stayed on a category for longer has liked it."""


class River(Learner):
    """River's learners on profile, row, tag, title, time and device, each one-hot, and crossed with the
    profile."""

    name = "River"

    def __init__(self, catalog: SimulatedCatalog, seed: int) -> None:
        super().__init__(catalog, seed)
        self._row_model = linear_model.LogisticRegression()
        self._title_model = linear_model.LogisticRegression()
        self._tag_model = linear_model.LogisticRegression()
        self._images: dict[str, Any] = {}
        self._seed = seed
        self._titles_seen = random.Random(f"river-{seed}")

    # --- learning

    def learn(self, outcome: Outcome) -> None:
        """One example for each model that it is about."""
        profile, title = outcome.profile, self.catalog.index[outcome.title]
        if outcome.row and outcome.row_end:
            self._row_model.learn_one(self._row_features(profile, outcome.row), outcome.good)
        # Most examples are titles in vain: one of five teaches as much and costs less (log-odds shift alike).
        if outcome.good or self._titles_seen.random() < 0.2:
            self._title_model.learn_one(self._title_features(profile, title), outcome.good)
        if outcome.good:
            for tag in self.catalog.titles[title].tags:
                self._tag_model.learn_one(self._tag_features(profile, TAGS[tag]), True)
        if outcome.artwork:
            names = [image.artwork_id for image in self.catalog.titles[title].images]
            if outcome.artwork in names:
                self._bandit(outcome.title).update(names.index(outcome.artwork), outcome.good)

    def browsed(self, profile: str, category: str, dwell_s: float) -> None:
        """A category that was entered, and liked or not."""
        self._tag_model.learn_one(self._tag_features(profile, category), dwell_s >= BROWSED_S)

    def _row_features(self, profile: str, row: str) -> dict[str, float]:
        hour, device = self.context.get(profile, (0, "other"))
        return {
            f"row {row}": 1.0,
            f"profile {profile}": 1.0,
            f"row {row} profile {profile}": 1.0,
            f"row {row} quarter {hour // 6}": 1.0,
            f"row {row} device {device}": 1.0,
        }

    def _title_features(self, profile: str, title: int) -> dict[str, float]:
        features = {f"title {title}": 1.0, f"profile {profile}": 1.0}
        tags = self.catalog.titles[title].tags
        for tag in tags:
            features[f"tag {tag}"] = 1.0 / len(tags)
            features[f"tag {tag} profile {profile}"] = 1.0 / len(tags)
        return features

    def _tag_features(self, profile: str, tag: str) -> dict[str, float]:
        return {f"tag {tag}": 1.0, f"tag {tag} profile {profile}": 1.0, f"profile {profile}": 1.0}

    def _bandit(self, title: str) -> Any:
        policy = self._images.get(title)
        if policy is None:
            policy = bandit.ThompsonSampling(reward_obj=proba.Beta(), seed=self._seed + len(self._images))
            self._images[title] = policy
        return policy

    # --- deciding: log-odds from River's own weights, which order as ``predict_proba_one`` does, in a tenth of the time

    def _score(self, model: Any, features: dict[str, float]) -> float:
        weights = model.weights
        return math.fsum(weights.get(name, 0.0) * value for name, value in features.items())

    def _liked(self, asked: Viewer, titles: Sequence[int]) -> list[int]:
        """These titles, best first. What is the same for all of them is left out of their log-odds."""
        weights = self._title_model.weights
        of_tag = [
            weights.get(f"tag {tag}", 0.0) + weights.get(f"tag {tag} profile {asked.profile_id}", 0.0)
            for tag in range(len(TAGS))
        ]
        made = self.catalog.titles

        def log_odds(title: int) -> float:
            tags = made[title].tags
            own = float(weights.get(f"title {title}", 0.0))
            return own + sum(of_tag[tag] for tag in tags) / len(tags)

        return sorted(titles, key=log_odds, reverse=True)

    def rows(self, asked: Viewer) -> Sequence[str]:
        """By predicted chance of a good play."""
        profile = asked.profile_id
        return sorted(
            self.rows_there(asked),
            key=lambda row: -self._score(self._row_model, self._row_features(profile, row)),
        )

    def titles(self, asked: Viewer) -> Sequence[int]:
        """By predicted chance of a good play."""
        return self._liked(asked, self.candidates(asked))[:RANKED]

    def image(self, asked: Viewer, title: int) -> int:
        """As the title's bandit pulls."""
        made = self.catalog.titles[title]
        return int(self._bandit(made.title_id).pull(list(range(len(made.images)))))

    def trailer(self, asked: Viewer) -> tuple[int, int]:
        """A trailer of the title that is liked most, of those of which none was seen."""
        seen = {title for title, _ in self.trailers_seen[asked.profile_id]}
        unseen = [title for title in self.candidates(asked) if title not in seen]
        return self._liked(asked, unseen or asked.shelves.arrived)[0], 0

    def categories(self, asked: Viewer) -> Sequence[str]:
        """By predicted liking."""
        profile = asked.profile_id
        liked = sorted(TAGS, key=lambda tag: -self._score(self._tag_model, self._tag_features(profile, tag)))
        return liked[:CATEGORIES_SHOWN]
