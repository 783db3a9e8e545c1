"""Moments dealt out to the surfaces in compiled code: whatever needs no Python, one call for all of it.

parts.py       what the compiled code works on, and what it leaves for records to be made of
titles.py      what moments do to the homepage ranking
images.py      ... to the images chosen
counted.py     ... to categories, and to what is only counted: experiments, demand, trailers, credit
deal.py        the loop: moment by moment, surface by surface
dealing.py     hands the surfaces' memory over, and calls the loop
"""
