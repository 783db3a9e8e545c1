"""``python -m streams`` is ``flywheel``."""

from streams.cli import main

main()
