"""What the dashboards show of surfaces, models and experiments: panels in rows."""

from __future__ import annotations

from panel import JOB, panel, rate

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
        panel(
            "Churn by band",
            "percentunit",
            (
                f"sum by (band) (flywheel_churn_profiles{{{JOB}}})"
                f" / scalar(clamp_min(sum(flywheel_churn_profiles{{{JOB}}}), 1))",
                "{{band}}",
            ),
        ),
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
