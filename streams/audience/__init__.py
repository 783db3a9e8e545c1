"""A simulated audience: viewers with hidden tastes who watch what they are shown, and leave when they find
nothing.

Read ``titles`` (what there is to watch), ``viewer`` (one viewer's life), ``crowd`` (all of them in the
order of time), ``faults`` (what broken producers send), ``publisher`` (events to Kafka at a rate).
"""
