"""What is decided beside rows and churn. One surface a file; read in this order:

surface.py      what a surface is, and what it is given
running.py      deals the loop's moments out to the surfaces, in order, and keeps a fault in one from the others
titles.py       homepage rankings
artwork.py      which image stands for a title
trailers.py     the answer to a rising churn score
experiments.py  who is in which arm, and what came of it
categories.py   categories to browse, as the profile's arm says
demand.py       what is watched where
credit.py       which surface a play is owed to
"""
