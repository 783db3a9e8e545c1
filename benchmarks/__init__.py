"""The benchmarks: ``make bench``, or ``python -m benchmarks --help``.

Reading order: ``events`` (what is streamed), ``log`` (getting it into Kafka), ``process`` (what is measured
of a process), ``stock`` (Faust and River as their manuals show it), ``contenders`` (how both are started),
``throughput``, ``latency``, ``recovery`` (the measurements), ``report`` (table and file). ``engine`` measures
the engine alone, without a broker.
"""
