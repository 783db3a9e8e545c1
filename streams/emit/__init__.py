"""From decisions to the records of the downstream topics:

outgoing.py  gathers what leaves
records.py   row orders, churn scores and what is seldom told, by a general encoder or written out
heads.py     what all decisions about one moment begin with
text.py      what surfaces tell most often, written as bytes in compiled code
names.py     the texts that these are made of
"""
