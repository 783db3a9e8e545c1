"""Brokers that Flywheel starts itself, on free loopback ports: for a demo, for tests, for benchmarks.

embedded.py       Tansu from PyPI: up in milliseconds, memory only, no transactions; for ``flywheel demo``
apache_kafka.py   Apache Kafka from Maven, one broker or several; for tests and benchmarks
loopback.py       what both need: free ports, the question whether a broker answers, ending a process
"""
