"""What is known of a profile, and how an event changes it. Compiled functions over one profile's record.

Read ``layout`` (the records), ``parameters`` (what the loop is told), ``clock`` (decay), ``sessions``,
``playback``, then ``store`` (slots and memory).
"""
