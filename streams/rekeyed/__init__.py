"""What is counted by another key than the profile's: records on their way to the partition of a title, an
experiment or a tag (``partitioner``), and what that partition makes of them (``owners``).

A re-keyed record is written in its source's transaction and counted in its owner's, with the owner's position
in the log between them: once, whoever dies when. Every checkpoint may write to every partition, so n
partitions append n * n little batches per ``checkpoint_interval_ms``: beyond some 32, make that longer.
"""
