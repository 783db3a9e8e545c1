"""From what is known to what is decided: row order (``demand`` learns from pages of others, ``seen_rows`` from our
own, ``ordering`` and ``pages`` make a page) and churn (``churn``). Compiled functions."""
