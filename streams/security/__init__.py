"""How every program of Flywheel proves to Kafka who it is, and what it must be allowed there.

In reading order: ``settings.py`` (protocol, user, certificates), ``connection.py`` (the arguments that every Kafka
client is made with), ``hosted.py`` (the same for Faust's own producer), ``program.py`` (which program runs here),
``refusals.py`` (why a broker refused, in words that say what to change), ``acls.py`` (what each program needs, and no
more), ``granted.py`` (whether the broker grants it, asked before the work begins), ``printing.py`` (the rights as
commands for Kafka, or as a Strimzi user).
"""
