"""Every setting of a worker: its name, unit, default and environment variable, in one frozen place.

A setting ``checkpoint_interval_ms`` is read from ``FLYWHEEL_CHECKPOINT_INTERVAL_MS``. Derived values are
properties.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, get_type_hints

from streams.errors import ConfigurationError
from streams.gateway.settings import GatewaySettings

ENV_PREFIX = "FLYWHEEL_"

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(GatewaySettings):
    """The settings of one worker, or of a gateway. Build it with :func:`load`; every field can be overridden from
    the environment."""

    # --- where
    # ---------------------------------------------------------------------------------------------------
    brokers: str = "127.0.0.1:9092"
    """Kafka bootstrap servers, comma separated, without a scheme."""
    app_id: str = "flywheel"
    """Consumer group, prefix of transactional ids and of the internal topics."""
    partitions: int = 4
    """Number of partitions of every input and output topic. All must agree."""
    replication: int = 1
    """Replication factor of the topics that ``flywheel topics`` creates. 3 in production."""
    worker_slot: str = ""
    """Stable name of this worker (a StatefulSet's pod name): makes it a static member of the group.
    Empty: dynamic."""

    # --- guarantees
    # ----------------------------------------------------------------------------------------------
    guarantee: str = "auto"
    """``exactly_once``, ``at_least_once``, or ``auto``: exactly once wherever the broker knows
    transactions."""
    checkpoint_interval_ms: int = 50
    """A checkpoint closes at most this long after the first change it holds."""
    catch_up_interval_ms: int = 2_000
    """The same while a partition is behind by more than a fetched batch (``max_poll_records``), if longer: decisions
    are late anyway, and fewer, larger transactions, in which a profile that changed several times is written once,
    leave more of the processor for catching up. It ends with being behind."""
    checkpoint_records: int = 20_000
    """... or as soon as it holds this many records. Applying waits while more than twice as many are
    unsaved."""
    transaction_timeout_ms: int = 15_000
    """The broker aborts a transaction of a dead worker after this long."""
    session_timeout_ms: int = 10_000
    """A dead worker's partitions are given to others after this long."""
    heartbeat_interval_ms: int = 1_000
    """How often a worker tells the group coordinator that it lives."""
    recovery_deadline_ms: int = 120_000
    """Rebuilding one partition may take this long without any progress."""
    stall_deadline_ms: int = 60_000
    """Lag without progress for this long ends the process."""
    shutdown_deadline_ms: int = 8_000
    """SIGTERM: the batch under way and its checkpoint must be done within this time."""
    max_poll_records: int = 4_000
    """Records of one fetched batch at most."""

    # --- judging input
    # -------------------------------------------------------------------------------------------
    future_tolerance_ms: int = DAY_MS
    """An event further in the future than this has an absurd clock."""
    earliest_ts_ms: int = 946_684_800_000
    """An event before this time (2000-01-01) has an absurd clock."""
    max_event_bytes: int = 65_536
    """A larger input record is a dead letter."""

    # --- surfaces
    # ------------------------------------------------------------------------------------------------
    surfaces: str = "titles,artwork,trailers,experiments,categories,demand,credit"
    """What is decided beside rows and churn, comma separated; empty: nothing."""
    titles_margin: float = 0.003
    """A ranking of titles leaves when it is worth this much more than the one that stands (expected DCG of the next
    quality play)."""
    experiments: str = ""
    """Path of the TOML file that declares experiments; empty: nobody is experimented on."""
    tally_interval_ms: int = MINUTE_MS
    """A partition tells its sums of an experiment, or of a tag in a region, at most this often (event time)."""
    demand_half_life_days: float = 7.0
    """Half-life of what the audience's demand is made of."""
    demand_step: float = 0.05
    """Demand is told when it moved by this share of what was told before."""
    demand_regions: int = 64
    """Regions with a demand of their own per partition; later ones share ``other``."""

    artwork_policy: str = "thompson"
    """How images are chosen: ``thompson``, ``greedy``, ``no_context``, ``wide`` or ``uniform``
    (``decisions.artwork``)."""
    artwork_shadow: str = "greedy"
    """Another of these, whose value is estimated from the choices made. Empty: none."""
    artwork_uniform: float = 0.02
    """Share of image choices made alike among all images, whatever is known: for unbiased evaluation."""
    trailer_policy: str = "thompson"
    """How trailers are chosen: ``thompson``, ``greedy`` or ``uniform`` (``decisions.trailers``)."""
    trailer_shadow: str = "greedy"
    """Another of these, whose value is estimated from the choices made. Empty: none."""
    trailer_uniform: float = 0.05
    """Share of trailer choices made alike among all that could be offered."""
    trailer_hazard: float = 0.35
    """A trailer is offered when the churn probability has risen to this, or into a higher band."""
    trailers_per_week: int = 2
    """Trailers offered to a profile within any 7 days, at most (up to 3)."""

    # --- learning
    # ------------------------------------------------------------------------------------------------
    quality_model: str = "models.quality:pipeline"
    """``module:function`` that builds the River model of quality plays (rows)."""
    churn_model: str = "models.hazard:pipeline"
    """``module:function`` that builds the River model of churn."""
    quality_shadow: str = ""
    """A second model of quality plays (``module:function``) that learns the same and decides nothing, until
    ``flywheel models promote`` puts it to work. Empty: none."""
    churn_shadow: str = ""
    """The same for churn."""
    learning: bool = True
    """Off: models keep predicting and stop learning."""
    learn_batch: int = 128
    """Resolved outcomes per ``learn_many`` call. Counted, not timed, so that learning does not depend on
    batching."""
    seed: int = 1
    """Seed of all randomness (exploration)."""
    explore_share: float = 0.05
    """Share of sessions whose page shows one row higher than its score earns."""
    page_margin: float = 0.002
    """A page is reordered when the new order is worth this much more (expected DCG of the next quality
    play): its hysteresis."""
    quality_seconds: float = 120.0
    """A play is a quality play when truly watched for this long..."""
    quality_share: float = 0.5
    """... or for this share of the title's length, whichever comes first."""
    session_gap_ms: int = 30 * MINUTE_MS
    """Silence that ends a session."""
    heartbeat_gap_ms: int = 90 * SECOND_MS
    """A longer gap between heartbeats of a playback does not count as watched."""
    outcome_window_ms: int = 10 * MINUTE_MS
    """A seen row without a play is ignored after this long."""
    churn_horizon_ms: int = 14 * DAY_MS
    """Churn: cancelled, or silent, for this long."""
    churn_step: float = 0.4
    """A churn score is emitted when its band changes or it moved by this, in log-odds: 0.1 at a probability
    of 0.5, by less where it is small."""
    idle_expiry_ms: int = 365 * DAY_MS
    """A profile silent for this long loses its state."""
    sharing: bool = True
    """Partitions learn from each other: every worker reads title statistics, models and experiment results
    whole."""
    title_stats_interval_ms: int = 10 * SECOND_MS
    """The statistics of one title are told at most this often (event time), those that hardly change 60 times less."""
    mix_every: int = 4
    """A partition tells the others what its models have learned every so many mini-batches, and takes in what
    the others have. A real log in 8 partitions: log loss .5701 apart, .5700 with 8, .5693 with 4, .5691 with 2."""
    log_credits: bool = False
    """On: to what each quality play is owed goes to the internal topic ``<app_id>-credits``."""
    log_predictions: bool = False
    """On: every prediction of a quality play goes to the internal topic ``<app_id>-predictions`` when it
    is made."""

    # --- web
    # -----------------------------------------------------------------------------------------------------
    web_host: str = "127.0.0.1"
    """Address of ``/metrics``, ``/healthz`` and ``/readyz``."""
    web_port: int = 9464
    """Port of ``/metrics``, ``/healthz`` and ``/readyz``; 0 picks a free one (printed at start-up), -1
    serves nothing."""
    log_level: str = "info"
    """``debug``, ``info``, ``warning`` or ``error``."""

    def __post_init__(self) -> None:
        self.check_security()
        if self.guarantee not in ("auto", "exactly_once", "at_least_once"):
            raise ConfigurationError(
                f"guarantee is {self.guarantee!r}: set {ENV_PREFIX}GUARANTEE to auto, exactly_once or "
                "at_least_once"
            )
        for name in ("partitions", "replication", "checkpoint_records", "learn_batch", "max_poll_records",
                     "mix_every"):  # fmt: skip
            if getattr(self, name) < 1:
                raise ConfigurationError(
                    f"{name} is {getattr(self, name)}: set {ENV_PREFIX}{name.upper()} to 1 or more"
                )
        if not 0 <= self.explore_share < 1:
            raise ConfigurationError(
                f"explore_share is {self.explore_share}: set it to at least 0 and less than 1"
            )
        if self.heartbeat_interval_ms * 3 > self.session_timeout_ms:
            raise ConfigurationError("heartbeat_interval_ms must be at most a third of session_timeout_ms")
        if self.checkpoint_interval_ms >= self.transaction_timeout_ms:
            raise ConfigurationError("checkpoint_interval_ms must be smaller than transaction_timeout_ms")
        if self.catch_up_interval_ms >= self.transaction_timeout_ms:
            raise ConfigurationError("catch_up_interval_ms must be smaller than transaction_timeout_ms")

    @property
    def surfaces_on(self) -> tuple[str, ...]:
        """The names in ``surfaces``."""
        return tuple(name.strip() for name in self.surfaces.split(",") if name.strip())

    @property
    def state_topic(self) -> str:
        """The changelog of all state: profiles, title statistics, models."""
        return f"{self.app_id}-state"

    @property
    def tallies_topic(self) -> str:
        """Absolute sums of each partition, on their way to the partition that adds them up."""
        return f"{self.app_id}-tallies"

    @property
    def models_topic(self) -> str:
        """The weights of every partition's models, and the word that promotes one."""
        return f"{self.app_id}-models"

    @property
    def credits_topic(self) -> str:
        """To what each quality play is owed, for audits."""
        return f"{self.app_id}-credits"

    @property
    def predictions_topic(self) -> str:
        """The log of predictions, for audits; written when ``log_predictions`` is on."""
        return f"{self.app_id}-predictions"

    def transactional_id(self, partition: int) -> str:
        """One writer per application and input partition: its successor fences it."""
        return f"{self.app_id}-{partition}"


def _parse(name: str, kind: Any, text: str) -> Any:
    if kind is bool:
        if text.lower() in ("1", "true", "yes", "on"):
            return True
        if text.lower() in ("0", "false", "no", "off"):
            return False
        raise ConfigurationError(f"{ENV_PREFIX}{name.upper()} is {text!r}: set it to true or false")
    try:
        return kind(text)
    except ValueError as error:
        raise ConfigurationError(
            f"{ENV_PREFIX}{name.upper()} is {text!r}: it must be a {kind.__name__}"
        ) from error


def load(environ: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """Settings from the defaults, then the environment, then ``overrides`` (those that are not ``None``).

    Raises ``ConfigurationError`` for an unknown ``FLYWHEEL_`` variable or a value that does not fit.
    """
    environ = os.environ if environ is None else environ
    kinds = get_type_hints(Settings)
    known = {field.name for field in fields(Settings)}
    values: dict[str, Any] = {}
    for variable, text in environ.items():
        if not variable.startswith(ENV_PREFIX):
            continue
        name = variable.removeprefix(ENV_PREFIX).lower()
        if name not in known:
            raise ConfigurationError(f"{variable} is no setting of Flywheel: see `flywheel worker --help`")
        values[name] = _parse(name, kinds[name], text)
    values.update({name: value for name, value in overrides.items() if value is not None})
    return replace(Settings(), **values)
