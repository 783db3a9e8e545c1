"""State on its way to the changelog and back: ``packing`` (bytes of a record), ``codec`` (records of the
changelog)."""
