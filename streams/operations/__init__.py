"""The operator's work on an application that is in production: one file for each task, under what they share.

clients.py          Kafka clients, and what it means when they fail
standing.py         who is in the group, which positions are committed, where logs begin and end
reading.py          topics from their beginning to their end
partition_work.py   a partition in an operator's hands: rebuilt, changed, saved
erasure.py          a profile goes, with a receipt
backup.py           an application, as files; restoring.py: files, as an application again
moving.py           state that moves to logs of its own
resetting.py        a model begins anew
window.py           history through a fresh version; measures.py: what it is judged by
repartitioning.py   more partitions
difference.py       how the decisions of two versions differ
"""
