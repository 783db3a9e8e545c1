"""Metrics for Prometheus: the catalogue, the instruments that count, what is observed, and the pages.

Read ``catalogue`` first; ``observe`` says what is counted when, and ``views``
what it asks for that; ``server`` answers scrapes and health checks.
"""
