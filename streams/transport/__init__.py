"""How records come in: Faust's transport, one message per fetched batch instead of one per record.

``batch`` is what the rest of Flywheel sees; ``batching`` is the transport that Faust finds by its entry
point, ``fetching`` the consumer thread below it.
"""
