"""Judges what the worker decided: input events and emitted decisions in, measures out. Knows no broker and no
clock.

What keeps it honest:

1. A row order is held against a quality play only if the event that caused it stands *before the impression*
   in the log. The impression names its row, so a decision that it caused knows the answer.
2. A prediction counts only if it was made at the very impression it is about.
3. A churn probability counts for a moment only if it was emitted for a time up to it.
4. Outcomes are told from the log alone (``outcomes.py``), and the simple counts know each from the same
   moment on.
5. The first day is not scored.

Homepage rankings have a judge of their own (``titles.py``).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from streams.events.schema import Event, Impression, PlaybackStart
from streams.replay.baselines import RowCounts, TitleRates
from streams.replay.measures import Ranks, prediction_quality
from streams.replay.outcomes import Outcomes, QualityRule, Shown
from streams.replay.titles import TitleJudge
from streams.settings import DAY_MS, Settings
from streams.topics import VIEWING_EVENTS

VIDEO_EVENTS = (Impression, PlaybackStart)
"""By these a profile is seen to be there."""


class Judge:
    """Takes in the input log and the decisions in the order of their logs; ``report`` judges them.

    ``rows`` is the row catalog in its order: what a profile sees that no decision was made for yet; ``titles`` the
    title catalog in its order. The order among partitions matters for the simple counts alone, and is that in
    which events are added.
    """

    def __init__(self, rows: Sequence[str], settings: Settings, titles: Sequence[str] = ()) -> None:
        rule = QualityRule(settings.quality_seconds, settings.quality_share, settings.heartbeat_gap_ms)
        self._outcomes = Outcomes(rule, settings.outcome_window_ms)
        self._titles = TitleJudge(titles, rule, settings.outcome_window_ms)
        self._ranks_titles = "titles" in settings.surfaces_on
        self._rows = {row: number for number, row in enumerate(rows)}
        self._horizon_ms = settings.churn_horizon_ms
        self._seen: set[str] = set()
        self._count = 0
        self._first_ts = 0
        self._last_ts = 0
        self._videos: dict[str, list[int]] = {}
        self._orders: dict[str, tuple[list[int], list[tuple[str, ...]]]] = {}
        self._known_orders: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._scores: dict[str, tuple[list[int], list[float]]] = {}
        self._predictions: dict[str, tuple[int, float]] = {}
        self.decisions: Counter[str] = Counter()
        self.rejects: Counter[str] = Counter()

    def add_event(self, partition: int, offset: int, event: Event) -> None:
        """A viewing event as it stands in the input log, at ``offset`` of ``partition``."""
        if event.event_id in self._seen:
            return  # sent twice by its producer
        self._seen.add(event.event_id)
        ts = event.ts
        self._first_ts = min(self._first_ts, ts) if self._count else ts
        self._last_ts = max(self._last_ts, ts)
        if isinstance(event, VIDEO_EVENTS):
            self._videos.setdefault(event.profile_id, []).append(ts)
        self._outcomes.add(self._count, partition, offset, event)
        if self._ranks_titles:
            self._titles.add_event(self._count, offset, event)
        self._count += 1

    def add_row_order(self, decision: Mapping[str, Any]) -> None:
        """A record of ``row-order``. One that no viewing event caused has no place in that log, and is
        counted only.
        """
        self.decisions["row-order"] += 1
        cause = decision["cause"]
        if cause["topic"] != VIEWING_EVENTS:
            return
        offsets, orders = self._orders.setdefault(decision["profile_id"], ([], []))
        rows = tuple(decision["rows"])
        if offsets and cause["offset"] < offsets[-1]:
            return  # a duplicate of an older version, sent again after a crash
        offsets.append(cause["offset"])
        orders.append(self._known_orders.setdefault(rows, rows))

    def add_ranking(self, decision: Mapping[str, Any]) -> None:
        """A record of ``homepage-rankings``."""
        self.decisions["homepage-rankings"] += 1
        self._titles.add_ranking(decision)

    def add_churn_score(self, decision: Mapping[str, Any]) -> None:
        """A record of ``churn-scores``."""
        self.decisions["churn-scores"] += 1
        times, probabilities = self._scores.setdefault(decision["profile_id"], ([], []))
        if not times or decision["ts"] >= times[-1]:
            times.append(decision["ts"])
            probabilities.append(decision["probability"])

    def add_prediction(self, prediction: Mapping[str, Any]) -> None:
        """A record of the predictions topic."""
        self._predictions[prediction["event_id"]] = (prediction["offset"], prediction["probability"])

    def add_reject(self, reason: str) -> None:
        """A dead letter."""
        self.rejects[reason] += 1

    @property
    def events(self) -> int:
        """How many viewing events were added."""
        return self._count

    def report(self) -> dict[str, Any]:
        """All measures, by surface: ``rows``, ``long_view``, ``churn`` and, when they are ranked, ``titles``."""
        report = {
            "rows": self._judge_rows(),
            "long_view": self._judge_quality(),
            "churn": self._judge_churn(),
        }
        return {**report, "titles": self._titles.report()} if self._ranks_titles else report

    def _scored(self, shown: Shown) -> bool:
        return shown.ts >= self._first_ts + DAY_MS

    def _judge_rows(self) -> dict[str, Any]:
        ours, without, late = Ranks(), 0, 0
        others = {name: Ranks() for name in ("popularity", "affinity", "transition")}
        counts = RowCounts(len(self._rows))
        for shown, outcome_known in _in_order(s for s in self._outcomes.shown if s.quality):
            row = self._rows.get(shown.row_id)
            if row is None:
                continue
            if outcome_known:
                counts.learn(shown.profile_id, row)
            elif self._scored(shown):
                offsets, orders = self._orders.get(shown.profile_id, ([], []))
                before = bisect_left(offsets, shown.offset)
                late += before < len(offsets) and before == 0
                order = orders[before - 1] if before else tuple(self._rows)
                without += before == 0
                ours.add(order.index(shown.row_id) + 1 if shown.row_id in order else len(self._rows))
                for name, rank in counts.ranks(shown.profile_id, row).items():
                    others[name].add(rank)
        baselines = {name: ranks.quality() for name, ranks in others.items()}
        return {
            **ours.quality(),
            "without_decision": without,
            "decided_too_late": late,
            "baselines": baselines,
        }

    def _judge_quality(self) -> dict[str, Any]:
        probabilities: list[float] = []
        labels: list[bool] = []
        rates: list[float] = []
        days: list[int] = []
        titles, missing, late = TitleRates(), 0, 0
        for shown, outcome_known in _in_order(self._outcomes.shown):
            title = shown.titles[0] if shown.titles else ""
            if outcome_known:
                titles.learn(title, shown.quality)
            elif self._scored(shown):
                offset, probability = self._predictions.get(shown.event_id, (-1, 0.0))
                if offset == shown.offset:
                    probabilities.append(probability)
                    labels.append(shown.quality)
                    rates.append(titles.rate(title))
                    days.append((shown.ts - self._first_ts) // DAY_MS + 1)
                elif offset < 0:
                    missing += 1
                else:
                    late += 1
        baselines = {"title_rate": prediction_quality(rates, labels)}
        ours = prediction_quality(probabilities, labels)
        by_day = {
            str(day): prediction_quality(
                [p for p, on in zip(probabilities, days, strict=True) if on == day],
                [label for label, on in zip(labels, days, strict=True) if on == day],
            )["auc"]
            for day in sorted(set(days))
        }
        counts = {"without_prediction": missing, "predicted_too_late": late}
        return {**ours, **counts, "auc_by_day": by_day, "baselines": baselines}

    def _judge_churn(self) -> dict[str, Any]:
        probabilities: list[float] = []
        labels: list[bool] = []
        silences: list[float] = []
        moments, without = 0, 0
        moment = self._first_ts + 2 * DAY_MS
        while moment + self._horizon_ms <= self._last_ts:
            moments += 1
            seen, known = [], []
            for profile, times in self._videos.items():
                until = bisect_right(times, moment)
                if until:
                    score = self._score_at(profile, moment)
                    seen.append(score)
                    known += [score] if score is not None else []
                    labels.append(bisect_right(times, moment + self._horizon_ms) == until)
                    silences.append(1 - 1 / (1 + (moment - times[until - 1]) / DAY_MS))
            # A profile that was never scored is as likely to go as the others.
            usual = sum(known) / len(known) if known else 0.5
            probabilities += [usual if score is None else score for score in seen]
            without += len(seen) - len(known)
            moment += DAY_MS
        baselines = {"recency": {"auc": prediction_quality(silences, labels)["auc"]}}
        ours = prediction_quality(probabilities, labels)
        horizon_days = self._horizon_ms / DAY_MS
        return {
            **ours,
            "horizon_days": horizon_days,
            "moments": moments,
            "without_score": without,
            "baselines": baselines,
        }

    def _score_at(self, profile: str, moment: int) -> float | None:
        times, probabilities = self._scores.get(profile, ([], []))
        at = bisect_right(times, moment)
        return probabilities[at - 1] if at else None


def _in_order(impressions: Iterator[Shown] | Sequence[Shown]) -> Iterator[tuple[Shown, bool]]:
    """Each impression when it was shown (``False``) and again when its outcome was known (``True``), in the
    log's order.

    One that was never played from is known to have been ignored at once: that favours the simple counts.
    """
    moments: list[tuple[int, int, Shown, bool]] = []
    for number, shown in enumerate(impressions):
        moments.append((shown.order, -number - 1, shown, False))
        moments.append((shown.learned if shown.learned >= 0 else shown.order, number, shown, True))
    moments.sort(key=lambda moment: moment[:2])
    for _, _, shown, known in moments:
        yield shown, known
