"""Experiments: what is declared, who is in which arm, and what the sums say. Pure; read it in this order.

declaration.py   experiments as the operator wrote them down (TOML), checked
fields.py        one field of a declaration, checked
reading.py       reads that file, and says what to change in it
assignment.py    who is in which experiment and arm: sticky, exclusive within a layer, never holdout or kids
totals.py        what one partition has counted of an experiment, as sums that merge
outcomes.py      what a profile did before and after it was exposed (compiled)
allocation.py    which share of new profiles each arm gets, and what changes that
judging.py       from all partitions' sums to intervals and a verdict
"""
