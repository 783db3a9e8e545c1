"""A simulated audience: viewers with hidden tastes who watch what they are shown, and leave when they find
nothing.

Read ``titles`` (what there is to watch), ``making`` (where it comes from), ``shelves`` (what is on the rows at a
moment), ``shown`` (what Flywheel decided for a viewer), ``person`` (the hidden taste), ``playing``, ``seeking``,
``subscribing`` and ``viewer`` (one viewer's life), ``truth`` with ``cascade`` and ``lifts`` (what each decision is
worth, and the best one), ``scenarios``, ``bots``, ``crowd`` (all of them in the order of time), ``faults`` (what
broken producers send), ``publisher`` (events to Kafka at a rate).
"""
