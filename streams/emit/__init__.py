"""From decisions to the records of the downstream topics."""
