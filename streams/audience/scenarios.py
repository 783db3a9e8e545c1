"""Named scenarios: what else may happen to a service than a steady audience, and when.

Each turns at ``turn_ms``, a time of the audience's own clock: the premiere begins, tastes drift. Shares are
of viewers, visits or records, whichever the name says.
"""

from __future__ import annotations

from dataclasses import dataclass

from streams.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What happens besides the usual. The defaults are a steady audience."""

    name: str
    story: str
    premiere: bool = False
    """At the turn, a title arrives that nearly everybody wants; viewers come at once to see it."""
    drift_share: float = 0.0
    """Viewers whose taste is another one after the turn."""
    late_share: float = 0.0
    """Visits made offline: their events arrive together, up to a day late..."""
    repeated_share: float = 0.0
    """... and so many of them twice."""
    bot_share: float = 0.0
    """Profiles that are programs, pushing the titles of one tag without rest."""
    malformed_share: float = 0.0
    """Spoiled records besides the good ones."""


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario(name="steady", story="viewers with tastes, moods and patience; nothing special"),
        Scenario(
            name="premiere_rush", premiere=True, story="halfway, a title arrives that nearly everybody wants"
        ),
        Scenario(
            name="taste_drift", drift_share=1.0, story="halfway, every viewer's taste becomes another one"
        ),
        Scenario(
            name="late_events",
            late_share=0.15,
            repeated_share=0.05,
            story="devices that were offline send visits hours late, some events twice",
        ),
        Scenario(
            name="bots",
            bot_share=0.03,
            story="a few profiles are programs that push one kind of title all day",
        ),
        Scenario(
            name="malformed", malformed_share=0.05, story="broken producers send spoiled records besides"
        ),
    )
}
STEADY = SCENARIOS["steady"]


def scenario_named(name: str) -> Scenario:
    """The scenario of that name. Raises ``ConfigurationError`` for a name there is none of."""
    try:
        return SCENARIOS[name]
    except KeyError:
        raise ConfigurationError(f"no scenario {name!r}: choose one of {', '.join(SCENARIOS)}") from None
