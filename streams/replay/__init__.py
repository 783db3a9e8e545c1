"""Replay of real logs, and the judging of what the worker decided on them. Read in this order:

records.py      what a reader yields, and how the events of many plays become one log in time order
kuairand.py     reads the KuaiRand files
movielens.py    reads MovieLens 100K
jsonl.py        reads JSON lines of the contract
publishing.py   sends what a reader yields to the broker, as fast as asked
following.py    collects the input log and the decisions while the worker makes them
outcomes.py     what really became of every impression, told from the input log alone
measures.py     AUC, log loss, calibration error, ranks
titles.py       judges the homepage rankings, beside the simplest ones
report.py       judges the decisions, each before its outcome was learned
running.py      broker, worker, publishing, waiting, judging: the whole run
command.py      ``flywheel replay``
"""
