"""The gateway: serves what Flywheel decides, and takes events in.

One process, one event loop, any number of them side by side; each reads the compacted topics whole and follows.

settings.py    every setting of a gateway
known.py       what is known of profiles, experiments and demand: records in, values out
shelves.py     which titles stand on a row, most wanted first
pages.py       a profile's page as bytes, made when asked for and kept until it changes
reading.py     reads the topics, knows how far it is and how stale
live.py        server-sent events: listeners that never wait for each other
pulse.py       a second's figures
judging.py     posted events: which are right, what is wrong with the others
producing.py   right events to Kafka, acknowledged
access.py      who asks, and what they may; rates.py: how often
answers.py     how an answer looks: JSON, errors, headers
routes.py      the API; server.py: what stands around it, in order
openapi.py     the API as a document
catalogue.py   every metric of a gateway
running.py     start, signals, stop
page/          the live page
"""
