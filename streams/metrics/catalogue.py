"""Every metric of a worker in one place: name, kind, unit, labels, buckets, and why it deserves a dashboard.

Names follow Prometheus conventions: base units (seconds, bytes, ratio), ``_total`` on counters only. Nothing
is labelled by profile or title, so a worker has a few hundred series at most.
"""

from __future__ import annotations

from streams.metrics.metric import LATENCY_SECONDS as LATENCY_SECONDS
from streams.metrics.metric import RECOVERY_SECONDS, SIZES, STEP_SECONDS
from streams.metrics.metric import UNITS as UNITS
from streams.metrics.metric import Metric as Metric

# --- what comes in ----------------------------------------------------------------------------------------
EVENTS = Metric("flywheel_events_total", "counter", "Events applied, by type: the traffic.", ("type",))
REJECTS = Metric(
    "flywheel_rejects_total",
    "counter",
    "Records sent to dead-letters, by reason: a rise means that a producer broke the contract.",
    ("reason",),
)
DUPLICATES = Metric(
    "flywheel_duplicates_total", "counter", "Events whose event_id had been counted already: sent twice."
)
REPEATS = Metric(
    "flywheel_repeats_total",
    "counter",
    "Records skipped because a profile had applied them before a crash; 0 where it is exactly once.",
)
UNKNOWN_ROWS = Metric(
    "flywheel_unknown_rows_total", "counter", "Events that named a row which the row catalog does not have."
)
SKEWED = Metric(
    "flywheel_skewed_events_total",
    "counter",
    "Events taken whose producer's clock ran more than 5 minutes ahead of the worker's, or a day behind it.",
    ("clock",),
)
CATALOG = Metric(
    "flywheel_catalog_entries",
    "gauge",
    "Titles and rows that this worker knows, by catalog topic: the same on every worker, but for a moment.",
    ("topic",),
)
CATALOG_REJECTS = Metric(
    "flywheel_catalog_rejects_total",
    "counter",
    "Catalog records that could not be taken; what was known before stays. The log says why.",
)
SIGNALS = Metric(
    "flywheel_signals_total",
    "counter",
    "Re-keyed records that the owners of titles, experiments and tags have added up, by topic.",
    ("topic",),
)
LAG = Metric(
    "flywheel_lag_events",
    "gauge",
    "Log positions not yet applied, by input topic and partition. Not zero for long: add workers.",
    ("topic", "partition"),
)
BATCH = Metric(
    "flywheel_batch_events",
    "histogram",
    "Records of one fetched batch: large ones mean a backlog.",
    (),
    SIZES,
)
APPLY = Metric(
    "flywheel_apply_seconds", "histogram", "Time to take one batch in (the engine alone).", (), STEP_SECONDS
)

# --- what goes out ----------------------------------------------------------------------------------------
DECISIONS = Metric(
    "flywheel_decisions_total", "counter", "Decisions made, changed or not, by surface.", ("surface",)
)
CHANGES = Metric(
    "flywheel_changes_total", "counter", "Decisions that changed and were emitted, by surface.", ("surface",)
)
LATENCY = Metric(
    "flywheel_event_to_decision_seconds",
    "histogram",
    "From the causing event's broker timestamp to its decision's commit: the freshness that viewers feel.",
    ("surface",),
    LATENCY_SECONDS,
)
FAULTS = Metric(
    "flywheel_surface_faults_total",
    "counter",
    "Times a surface raised and fell back to what is sane without its model; the others went on.",
    ("surface",),
)
WRITTEN = Metric("flywheel_written_records_total", "counter", "Records committed, by topic.", ("topic",))
WRITTEN_BYTES = Metric(
    "flywheel_written_bytes_total", "counter", "Bytes of the record batches committed, by topic.", ("topic",)
)

# --- position, checkpoint, recovery -----------------------------------------------------------------------
CHECKPOINT = Metric(
    "flywheel_checkpoint_seconds", "histogram", "From begin to commit of a checkpoint.", (), STEP_SECONDS
)
CHECKPOINT_RECORDS = Metric(
    "flywheel_checkpoint_records", "histogram", "Records of one checkpoint.", (), SIZES
)
RECOVERY = Metric(
    "flywheel_recovery_seconds",
    "histogram",
    "Time to rebuild one partition at assignment.",
    (),
    RECOVERY_SECONDS,
)
RECOVERY_RECORDS = Metric(
    "flywheel_recovered_records_total", "counter", "Changelog records read to rebuild state."
)
RECOVERY_TIME = Metric(
    "flywheel_recovering_seconds_total",
    "counter",
    "Time during which at least one partition was being rebuilt; records by it is the speed of recovery.",
)
LOST = Metric(
    "flywheel_lost_records_total",
    "counter",
    "Input records that retention deleted before they were applied: anything but 0 is loss at the broker.",
    ("topic",),
)
INCIDENTS = Metric(
    "flywheel_partition_incidents_total",
    "counter",
    "What happened to partitions: assigned, revoked, fenced, checkpoint_failed. Many a day: unstable group.",
    ("kind",),
)
SEEKS = Metric(
    "flywheel_seeks_total",
    "counter",
    "Times the consumer was sent back to where the partition stands.",
    ("topic",),
)
DROPPED = Metric(
    "flywheel_dropped_batches_total",
    "counter",
    "Batches not applied because they lay before or beyond the partition's position; they are read again.",
    ("topic",),
)
ASSIGNED = Metric("flywheel_assigned_partitions", "gauge", "Partitions that this worker owns.")
RECOVERING = Metric("flywheel_recovering_partitions", "gauge", "Partitions assigned and not yet rebuilt.")
PROGRESS = Metric(
    "flywheel_last_progress_timestamp_seconds",
    "gauge",
    "When a batch or checkpoint was last done (Unix time).",
)

# --- state and learning -----------------------------------------------------------------------------------
PROFILES = Metric("flywheel_state_profiles", "gauge", "Profiles held, by partition.", ("partition",))
STATE_BYTES = Metric(
    "flywheel_state_bytes", "gauge", "Bytes of the state columns, by partition.", ("partition",)
)
AUC = Metric(
    "flywheel_model_auc_ratio",
    "gauge",
    "Rolling area under the ROC curve, each outcome predicted before it is learned. 0.5 is chance.",
    ("model", "partition"),
)
LOG_LOSS = Metric(
    "flywheel_model_log_loss_nats",
    "gauge",
    "Rolling log loss, predicted then learned.",
    ("model", "partition"),
)
CALIBRATION = Metric(
    "flywheel_model_calibration_error_ratio",
    "gauge",
    "Rolling expected calibration error: how far probabilities lie from frequencies.",
    ("model", "partition"),
)
LEARNED = Metric(
    "flywheel_model_learned_batches",
    "gauge",
    "Mini-batches of resolved outcomes that a model has learned: its version.",
    ("model", "partition"),
)
DRIFT = Metric(
    "flywheel_drift_detections_total",
    "counter",
    "Times ADWIN saw a model's loss move: viewers changed.",
    ("model",),
)
SHADOW_GAIN = Metric(
    "flywheel_shadow_gain_nats",
    "gauge",
    "How much lower a shadow's log loss is than the live model's, on the same outcomes (positive: better).",
    ("model", "partition"),
)
SHADOW_GAIN_LOW = Metric(
    "flywheel_shadow_gain_low_nats",
    "gauge",
    "Lower bound (97.5 %) of a shadow's gain: above 0, it may be promoted.",
    ("model", "partition"),
)
POLICY_VALUE = Metric(
    "flywheel_policy_value_ratio",
    "gauge",
    "Reward a choice that a policy would earn, from logged propensities, over this worker's partitions.",
    ("surface", "policy", "estimator"),
)
POLICY_LOW = Metric(
    "flywheel_policy_value_low_ratio",
    "gauge",
    "Lower end of the 95 % interval of a policy's value.",
    ("surface", "policy", "estimator"),
)
POLICY_HIGH = Metric(
    "flywheel_policy_value_high_ratio",
    "gauge",
    "Upper end of the 95 % interval of a policy's value.",
    ("surface", "policy", "estimator"),
)
POLICY_SAMPLE = Metric(
    "flywheel_policy_effective_choices",
    "gauge",
    "Effective sample size behind a policy's value. Below 100 the value is not to be trusted.",
    ("surface", "policy"),
)
CREDIT = Metric(
    "flywheel_credit_plays_total",
    "counter",
    "Quality plays by what they are owed to: row, position, artwork, trailer, or none of them (organic).",
    ("surface",),
)

CHURN = Metric(
    "flywheel_churn_profiles",
    "gauge",
    "Profiles by band of their last churn score: a shift means that viewers, or the model, changed.",
    ("band", "partition"),
)

# --- experiments, as every worker reads them --------------------------------------------------------------
EXPOSED = Metric(
    "flywheel_experiment_exposed_profiles",
    "gauge",
    "Profiles that came under each arm so far, over all partitions.",
    ("experiment", "arm"),
)
LIFT = Metric(
    "flywheel_experiment_lift_ratio",
    "gauge",
    "An arm's lift over the control (0.1 is 10 %), with CUPED.",
    ("experiment", "arm"),
)
LIFT_LOW = Metric(
    "flywheel_experiment_lift_low_ratio",
    "gauge",
    "Lower end of the lift's interval, valid however often it is looked at. Not shown before there is one.",
    ("experiment", "arm"),
)
LIFT_HIGH = Metric(
    "flywheel_experiment_lift_high_ratio", "gauge", "Upper end of the lift's interval.", ("experiment", "arm")
)
SPLIT = Metric(
    "flywheel_experiment_split_p_ratio",
    "gauge",
    "Always-valid p that the arms' sizes are as declared. Below 0.01 the split is broken: trust no result.",
    ("experiment",),
)
STOPPED = Metric(
    "flywheel_experiment_stopped_ratio",
    "gauge",
    "1 for an arm that a guardrail has stopped, else 0.",
    ("experiment", "arm"),
)

# --- what this process is ---------------------------------------------------------------------------------
GUARANTEE = Metric(
    "flywheel_guarantee_info", "info", "Exactly once or at least once, as found at start-up.", ("guarantee",)
)
BUILD = Metric(
    "flywheel_build_info",
    "info",
    "Versions of Flywheel and of what it stands on.",
    ("version", "python", "river"),
)

CATALOGUE: tuple[Metric, ...] = (
    EVENTS, REJECTS, DUPLICATES, REPEATS, UNKNOWN_ROWS, SKEWED, CATALOG, CATALOG_REJECTS,
    SIGNALS, LAG, BATCH, APPLY,
    DECISIONS, CHANGES, FAULTS, LATENCY, WRITTEN, WRITTEN_BYTES,
    CHECKPOINT, CHECKPOINT_RECORDS, RECOVERY, RECOVERY_RECORDS, RECOVERY_TIME,
    LOST, INCIDENTS,
    SEEKS, DROPPED, ASSIGNED, RECOVERING, PROGRESS,
    PROFILES, STATE_BYTES, AUC, LOG_LOSS, CALIBRATION, LEARNED, DRIFT,
    SHADOW_GAIN, SHADOW_GAIN_LOW, POLICY_VALUE, POLICY_LOW, POLICY_HIGH, POLICY_SAMPLE, CREDIT, CHURN,
    EXPOSED, LIFT, LIFT_LOW, LIFT_HIGH, SPLIT, STOPPED,
    GUARANTEE, BUILD,
)  # fmt: skip
"""All of them, in the order of a dashboard read from top to bottom."""
