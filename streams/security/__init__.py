"""How every program of Flywheel proves to Kafka who it is, and what it must be allowed there.

In reading order: ``settings.py`` (protocol, user, certificates), ``connection.py`` (the arguments that every Kafka
client is made with), ``hosted.py`` (the same for Faust's own producer), ``refusals.py`` (why a broker refused, in
words that say what to change), ``acls.py`` (what each program needs, and no more), ``printing.py`` (the same as
commands for Kafka, or as a Strimzi user).
"""
