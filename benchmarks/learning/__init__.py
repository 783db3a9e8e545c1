"""How well it learns: every surface against random, popularity, a plain River model and the best possible.

The simulated audience (``streams.audience``) knows what each decision is worth, so reward and regret are exact
expectations, not luck. No broker: the real engine and the audience in one loop. Read ``world`` (one run),
``contenders`` (who may decide one surface in the engine's place), ``simple_contenders`` and ``river_contenders``,
``outcomes`` (what they learn from), ``measures`` (what is summed up), ``runs`` (which runs there are), ``report``
and ``plots``.
"""
