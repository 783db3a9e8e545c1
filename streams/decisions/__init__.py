"""From what is known to what is decided: row order (``rows``, ``ordering``) and churn (``churn``).
Compiled functions."""
