#!/bin/sh
# Runs `flywheel` with the arguments it is given, after putting the engine's compiled code where it can be written:
# numba uses a cache only where it could also write one, and the root of a container should be read-only. Mount a
# tmpfs or an emptyDir (64 MB) at $NUMBA_CACHE_DIR; 25 MB are copied, which takes a moment, compiling takes minutes.
set -eu
compiled="${COMPILED:-/opt/flywheel/compiled}"
if [ -d "$compiled" ] && [ -w "$NUMBA_CACHE_DIR" ]; then
    cp -R "$compiled/." "$NUMBA_CACHE_DIR/"
fi
exec flywheel "$@"
