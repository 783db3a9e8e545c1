"""What the dashboards show of traffic, workers and gateways: panels in rows."""

from __future__ import annotations

from panel import GATEWAY, JOB, panel, quantile, rate

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
            (
                f'1 - sum(rate(flywheel_event_to_decision_seconds_bucket{{{JOB},le="0.3"}}[5m]))'
                f" / sum(rate(flywheel_event_to_decision_seconds_count{{{JOB}}}[5m]))",
                "later than 300 ms",
            ),
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
        panel(
            "Clocks that are off",
            "ops",
            (rate("flywheel_skewed_events_total", "clock"), "{{clock}}"),
            why="Ahead: more than 5 minutes, a producer's clock is wrong. Behind: a day, or devices were offline.",
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
        panel(
            "Recovery",
            "s",
            (
                quantile(1, "flywheel_recovery_seconds", "instance", window="1h"),
                "{{instance}} slowest of the hour",
            ),
            limit=30,
            why="Rebuilding one partition. Beyond 30 s it is too slow for a rolling upgrade.",
        ),
        panel(
            "Records recovered a second",
            "short",
            (
                f"flywheel_recovered_records_total{{{JOB}}}"
                f" / clamp_min(flywheel_recovering_seconds_total{{{JOB}}}, 1e-3)",
                "{{instance}}",
            ),
            why="Since the worker started, while it recovered.",
        ),
    ),
    (
        panel(
            "Catalog",
            "short",
            (f"flywheel_catalog_entries{{{JOB}}}", "{{instance}} {{topic}}"),
            why="Every worker knows the same, but for a moment.",
        ),
        panel(
            "Catalog records refused",
            "short",
            (f"sum by (instance) (increase(flywheel_catalog_rejects_total{{{JOB}}}[1h]))", "{{instance}}"),
        ),
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
    ),
    (
        panel(
            "Live streams",
            "percentunit",
            (f"flywheel_gateway_live_streams_ratio{{{GATEWAY}}}", "{{instance}} open, of those that may be"),
            limit=1,
        ),
        panel(
            "Missed by slow readers",
            "ops",
            (f"sum(rate(flywheel_gateway_lost_messages_total{{{GATEWAY}}}[$__rate_interval]))", "messages"),
        ),
        panel("Known profiles", "short", (f"flywheel_gateway_known_profiles{{{GATEWAY}}}", "{{instance}}")),
    ),
)
