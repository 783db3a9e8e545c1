"""Flywheel: viewing events in, row order and churn scores out, while the viewer watches.

Where to begin reading, in this order:

- ``engine.py``: what the streaming side and the engine know of each other, and no more
- ``pipeline.py``: the way of one batch through the engine, top to bottom
- ``loop.py``: the compiled loop over a batch's events
- ``profiles/observe.py``: what each kind of event does to a profile
- ``profiles/layout.py``: what is kept of a profile, byte by byte
- ``decisions/pages.py``: how a page is ordered; ``decisions/churn.py``: how churn is scored
- ``surfaces/surface.py``: what decides beside these; ``dealing/deal.py``: how all of them are told what happened
- ``state/changelog.py``: how state survives
- ``partition.py``: position, pacing and saving of one partition
- ``checkpoint.py``: one transaction; ``recovery.py``: the way back
- ``agents.py``: partitions given and taken by the consumer group
- ``app.py``: the Faust worker that holds it together
- ``rekeyed/owners.py``: what partitions tell each other, and who adds it up; ``compacted.py``: what all read
- ``transport/batching.py``: how Faust is made to hand out batches
- ``events/schema.py``: the contract; ``topics.py``: its topics; ``settings.py``: every setting
- ``metrics/catalogue.py``: every metric
- ``cli.py``: the command ``flywheel``

The learning itself is in the package ``models``, which knows nothing of streams.
"""
