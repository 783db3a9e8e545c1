"""The event contract as code.

``schema.py`` is the door to every record; ``decode.py`` turns bytes into events or rejects; ``reasons.py``
lists why a record is rejected; ``asyncapi.py`` makes the documents derived from the schema.
"""
