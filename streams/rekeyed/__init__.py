"""What is counted by another key than the profile's: records on their way to the partition of a title, an
experiment or a tag (``partitioner``), and what that partition makes of them (``owners``)."""
