"""What the dashboards show: panels in rows, each with a title, a unit and its queries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

JOB = 'job="flywheel",instance=~"$instance"'
GATEWAY = 'job="flywheel-gateway"'


@dataclass(frozen=True, slots=True)
class Panel:
    """``queries`` are (PromQL, legend); ``kind`` is Grafana's name of the panel; ``why`` its tooltip."""

    title: str
    unit: str
    queries: tuple[tuple[str, str], ...]
    kind: str = "timeseries"
    why: str = ""
    limit: float | None = None
    """A line from which on it is bad."""


def panel(title: str, unit: str, *queries: tuple[str, str], **more: Any) -> Panel:
    """A panel of these queries."""
    return Panel(title, unit, queries, **more)


def quantile(q: float, metric: str, by: str = "", match: str = JOB) -> str:
    """A quantile of a histogram."""
    labels = ", ".join(filter(None, (by, "le")))
    return f"histogram_quantile({q}, sum by ({labels}) (rate({metric}_bucket{{{match}}}[$__rate_interval])))"


def rate(metric: str, by: str, match: str = JOB) -> str:
    """A counter's rate a second."""
    return f"sum by ({by}) (rate({metric}{{{match}}}[$__rate_interval]))"


OVERVIEW = (
    (
        panel(
            "Events a second",
            "ops",
            (f"sum(rate(flywheel_events_total{{{JOB}}}[$__rate_interval]))", "events"),
            kind="stat",
        ),
        panel(
            "Waiting",
            "short",
            (f"sum(flywheel_lag_events{{{JOB}}})", "records"),
            kind="stat",
            why="Records not yet applied. Not zero for long: add workers.",
            limit=50_000,
        ),
        panel(
            "Late decisions",
            "percentunit",
            ("job:flywheel_freshness_errors:ratio_rate5m", "later than 300 ms"),
            kind="stat",
            why="The objective is 1 %.",
            limit=0.01,
        ),
        panel("Profiles", "short", (f"sum(flywheel_state_profiles{{{JOB}}})", "profiles"), kind="stat"),
    ),
    (
        panel(
            "Event to decision",
            "s",
            (quantile(0.5, "flywheel_event_to_decision_seconds", "surface"), "{{surface}} p50"),
            (quantile(0.99, "flywheel_event_to_decision_seconds", "surface"), "{{surface}} p99"),
            limit=0.3,
            why="From the broker's timestamp of the event to the commit of its decision.",
        ),
        panel("Events by type", "ops", (rate("flywheel_events_total", "type"), "{{type}}")),
    ),
    (
        panel("Changes by surface", "ops", (rate("flywheel_changes_total", "surface"), "{{surface}}")),
        panel(
            "Dead letters, duplicates, unknown rows",
            "ops",
            (rate("flywheel_rejects_total", "reason"), "rejected: {{reason}}"),
            (f"sum(rate(flywheel_duplicates_total{{{JOB}}}[$__rate_interval]))", "sent twice"),
            (f"sum(rate(flywheel_unknown_rows_total{{{JOB}}}[$__rate_interval]))", "unknown row"),
        ),
    ),
)
LEARNING = (
    (
        panel(
            "Area under the ROC curve",
            "none",
            (f"avg by (model) (flywheel_model_auc_ratio{{{JOB}}})", "{{model}}"),
            why="Each outcome predicted before it is learned; 0.5 is chance.",
        ),
        panel("Log loss", "none", (f"avg by (model) (flywheel_model_log_loss_nats{{{JOB}}})", "{{model}}")),
        panel(
            "Calibration error",
            "none",
            (f"avg by (model) (flywheel_model_calibration_error_ratio{{{JOB}}})", "{{model}}"),
            limit=0.1,
        ),
    ),
    (
        panel(
            "Mini-batches learned",
            "short",
            (f"sum by (model) (flywheel_model_learned_batches{{{JOB}}})", "{{model}}"),
        ),
        panel(
            "Drift detections",
            "short",
            (f"sum by (model) (increase(flywheel_drift_detections_total{{{JOB}}}[1h]))", "{{model}}"),
        ),
        panel("Churn by band", "percentunit", ("job_band:flywheel_churn_profiles:ratio", "{{band}}")),
    ),
    (
        panel(
            "What other policies would have earned",
            "none",
            (
                f'avg by (surface, policy) (flywheel_policy_value_ratio{{{JOB},estimator="snips"}})',
                "{{surface}} {{policy}}",
            ),
            why="Self-normalised inverse propensity score; look at the interval beside it.",
        ),
        panel(
            "... and how sure that is",
            "none",
            (
                f'avg by (surface, policy) (flywheel_policy_value_low_ratio{{{JOB},estimator="snips"}})',
                "{{surface}} {{policy}} low",
            ),
            (
                f'avg by (surface, policy) (flywheel_policy_value_high_ratio{{{JOB},estimator="snips"}})',
                "{{surface}} {{policy}} high",
            ),
        ),
        panel(
            "Effective choices",
            "short",
            (
                f"sum by (surface, policy) (flywheel_policy_effective_choices{{{JOB}}})",
                "{{surface}} {{policy}}",
            ),
        ),
    ),
    (
        panel(
            "Gain of shadows",
            "none",
            (f"avg by (model) (flywheel_shadow_gain_nats{{{JOB}}})", "{{model}}"),
            (f"min by (model) (flywheel_shadow_gain_low_nats{{{JOB}}})", "{{model}} at least"),
            why="Above zero beyond doubt, a shadow may be promoted.",
        ),
        panel(
            "To what plays are owed", "ops", (rate("flywheel_credit_plays_total", "surface"), "{{surface}}")
        ),
        panel(
            "Surfaces without their model",
            "ops",
            (rate("flywheel_surface_faults_total", "surface"), "{{surface}}"),
        ),
    ),
)
EXPERIMENTS = (
    (
        panel(
            "Lift over the control",
            "percentunit",
            (f"max by (experiment, arm) (flywheel_experiment_lift_ratio{{{JOB}}})", "{{experiment}} {{arm}}"),
        ),
        panel(
            "Intervals",
            "percentunit",
            (
                f"max by (experiment, arm) (flywheel_experiment_lift_low_ratio{{{JOB}}})",
                "{{experiment}} {{arm}} low",
            ),
            (
                f"max by (experiment, arm) (flywheel_experiment_lift_high_ratio{{{JOB}}})",
                "{{experiment}} {{arm}} high",
            ),
            why="Valid however often they are looked at.",
        ),
    ),
    (
        panel(
            "Profiles by arm",
            "short",
            (
                f"max by (experiment, arm) (flywheel_experiment_exposed_profiles{{{JOB}}})",
                "{{experiment}} {{arm}}",
            ),
        ),
        panel(
            "Is the split as declared?",
            "none",
            (f"min by (experiment) (flywheel_experiment_split_p_ratio{{{JOB}}})", "{{experiment}}"),
            why="Below 0.01 it is broken.",
        ),
        panel(
            "Arms stopped by a guardrail",
            "short",
            (
                f"max by (experiment, arm) (flywheel_experiment_stopped_ratio{{{JOB}}})",
                "{{experiment}} {{arm}}",
            ),
        ),
    ),
)
OPERATIONS = (
    (
        panel(
            "Lag by partition",
            "short",
            (f"sum by (topic, partition) (flywheel_lag_events{{{JOB}}})", "{{topic}} {{partition}}"),
        ),
        panel(
            "Checkpoints",
            "s",
            (quantile(0.5, "flywheel_checkpoint_seconds"), "p50"),
            (quantile(0.99, "flywheel_checkpoint_seconds"), "p99"),
            limit=2,
        ),
        panel(
            "Records of a checkpoint",
            "short",
            (quantile(0.5, "flywheel_checkpoint_records"), "p50"),
            (quantile(0.99, "flywheel_checkpoint_records"), "p99"),
        ),
    ),
    (
        panel(
            "One batch",
            "s",
            (quantile(0.5, "flywheel_apply_seconds"), "p50"),
            (quantile(0.99, "flywheel_apply_seconds"), "p99"),
        ),
        panel(
            "Records of a batch",
            "short",
            (quantile(0.5, "flywheel_batch_events"), "p50"),
            (quantile(0.99, "flywheel_batch_events"), "p99"),
        ),
        panel("Written", "Bps", (rate("flywheel_written_bytes_total", "topic"), "{{topic}}")),
    ),
    (
        panel(
            "Processor",
            "percentunit",
            (f"rate(process_cpu_seconds_total{{{JOB}}}[$__rate_interval])", "{{instance}}"),
            why="A worker uses one core at most.",
        ),
        panel(
            "Memory",
            "bytes",
            (f"process_resident_memory_bytes{{{JOB}}}", "{{instance}}"),
            (f"sum by (instance) (flywheel_state_bytes{{{JOB}}})", "{{instance}} state columns"),
        ),
        panel(
            "Partitions",
            "short",
            (f"flywheel_assigned_partitions{{{JOB}}}", "{{instance}}"),
            (f"flywheel_recovering_partitions{{{JOB}}}", "{{instance}} recovering"),
        ),
    ),
    (
        panel(
            "Incidents",
            "short",
            (f"sum by (kind) (increase(flywheel_partition_incidents_total{{{JOB}}}[5m]))", "{{kind}}"),
        ),
        panel("Recovery", "s", (quantile(0.99, "flywheel_recovery_seconds"), "p99")),
        panel(
            "Guarantee",
            "none",
            (f"flywheel_guarantee_info{{{JOB}}}", "{{instance}} {{guarantee}}"),
            kind="stat",
        ),
    ),
)
GATEWAYS = (
    (
        panel(
            "Requests a second",
            "ops",
            (rate("flywheel_gateway_requests_total", "route, status", GATEWAY), "{{route}} {{status}}"),
        ),
        panel(
            "Time to answer",
            "s",
            (quantile(0.5, "flywheel_gateway_answer_seconds", "route", GATEWAY), "{{route}} p50"),
            (quantile(0.99, "flywheel_gateway_answer_seconds", "route", GATEWAY), "{{route}} p99"),
            limit=0.005,
        ),
    ),
    (
        panel("How stale", "s", (f"flywheel_gateway_stale_seconds{{{GATEWAY}}}", "{{instance}}"), limit=10),
        panel(
            "Events taken and refused",
            "ops",
            (f"sum(rate(flywheel_gateway_produced_events_total{{{GATEWAY}}}[$__rate_interval]))", "taken"),
            (f"sum(rate(flywheel_gateway_rejected_events_total{{{GATEWAY}}}[$__rate_interval]))", "refused"),
        ),
        panel("Known profiles", "short", (f"flywheel_gateway_known_profiles{{{GATEWAY}}}", "{{instance}}")),
    ),
)
