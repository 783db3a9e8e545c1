"""Every metric of a gateway: name, kind, unit, labels, buckets, and why it deserves a dashboard.

Nothing is labelled by profile, token or address.
"""

from __future__ import annotations

from streams.metrics.catalogue import Metric

ANSWER_SECONDS = (
    0.00025, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0
)  # fmt: skip
"""The objective is 5 ms at the 99th percentile; posted events wait for Kafka, up to 5 s."""

REQUESTS = Metric(
    "flywheel_gateway_requests_total",
    "counter",
    "Requests answered, by route (the pattern, not the address) and status.",
    ("route", "status"),
)
ANSWER = Metric(
    "flywheel_gateway_answer_seconds",
    "histogram",
    "From a request's headers to its answer, by route: what a page waits for. Live streams are not in it.",
    ("route",),
    ANSWER_SECONDS,
)
STALE = Metric(
    "flywheel_gateway_stale_seconds",
    "gauge",
    "By how much what is served may be behind the log. Rises when Kafka cannot be read.",
)
READ_SHARE = Metric(
    "flywheel_gateway_ready_ratio", "gauge", "Share of what was there at the start that is read; 1: ready."
)
RECORDS = Metric(
    "flywheel_gateway_read_records_total",
    "counter",
    "Records read of each topic, news and history.",
    ("topic",),
)
SKIPPED = Metric(
    "flywheel_gateway_skipped_records_total",
    "counter",
    "Records of each topic that could not be read and were left out: somebody else writes there.",
    ("topic",),
)
RETRIES = Metric("flywheel_gateway_read_retries_total", "counter", "Times reading broke off and began again.")
PROFILES = Metric("flywheel_gateway_known_profiles", "gauge", "Profiles of which a decision is known.")
PAGES_MADE = Metric(
    "flywheel_gateway_pages_made_total",
    "counter",
    "Pages put together; the other answers were ready to be sent.",
)
PAGE_BYTES = Metric(
    "flywheel_gateway_kept_pages_bytes", "gauge", "Memory of pages that are ready to be sent."
)
STREAMS = Metric(
    "flywheel_gateway_live_streams_ratio",
    "gauge",
    "Open live streams, of those that may be open; at 1 more are refused.",
)
LOST = Metric(
    "flywheel_gateway_lost_messages_total",
    "counter",
    "Messages that slow readers of live streams have missed.",
)
PRODUCED = Metric(
    "flywheel_gateway_produced_events_total",
    "counter",
    "Posted events that Kafka acknowledged, by topic.",
    ("topic",),
)
REJECTED = Metric(
    "flywheel_gateway_rejected_events_total",
    "counter",
    "Posted events that were refused, by reason.",
    ("reason",),
)
UNTAKEN = Metric(
    "flywheel_gateway_untaken_events_total", "counter", "Right events that Kafka did not acknowledge in time."
)

CATALOGUE = tuple(value for value in list(globals().values()) if isinstance(value, Metric))
