"""Quality plays: will a row that came into view be played, and well? Its features, what is known
beforehand, the model.

Every feature is a log-odds, or a number of about that size, made of counts as they stood when the row
came into view; ``streams.decisions.rows`` computes them. ``g`` is the rate of quality plays over
everybody.
"""

from __future__ import annotations

import math

from river import compose

from models.bayesian_logistic import BayesianLogisticRegression

FEATURES = (
    "profile",  # the profile's own rate, against g
    "profile_now",  # its rate of the last hours, against its own
    "profile_row",  # its rate in this row, against its own
    "row",  # the row's rate, against g
    "titles",  # mean rate of the titles shown, each smoothed towards the row's, against g
    "position",  # rate at this position of the page, against BASE_RATE: it carries the overall level, too
    "activity",  # log(1 + outcomes of this profile) - 1
    "watched",  # how much longer it watches than others do at the same positions, in log(1 + s)
    "row_position",  # the row's rate at this position, against the position's
    "length",  # mean rate of titles of these lengths at this position, against the position's
)
"""Names of the features, in the order of their columns."""

PRIOR = {
    "profile": 0.25,
    "profile_now": 0.1,
    "profile_row": 0.2,
    "row": 0.0,  # the titles' rate holds the row's
    "titles": 0.8,
    "position": 0.85,
    "activity": -0.1,
    "watched": 0.4,
    "row_position": 0.3,
    "length": 0.45,
}
"""Weights before the first outcome: a smoothed rate is trusted by that much. From six days of KuaiRand,
rounded."""

BASE_RATE = 0.1
"""Rate of quality plays before anything was seen: pessimistic, so that a row must earn its place (arXiv
2009.06546). Where the true level is another, "position" says so at once and the intercept need not learn
it: on KuaiRand (0.31) that lowers the calibration error from 0.012 to 0.006."""


def pipeline() -> compose.Pipeline:
    """The River pipeline of P(quality play | row in view), ready to predict before it has learned anything.

    >>> model = pipeline()
    >>> typical = dict.fromkeys(FEATURES, 0.0)
    >>> round(model.predict_proba_one(typical)[True], 2)
    0.1
    >>> round(model.predict_proba_one(typical | {"titles": 1.0, "watched": 0.5})[True], 2)
    0.23
    """
    return compose.Pipeline(
        BayesianLogisticRegression(
            prior=PRIOR, intercept=math.log(BASE_RATE / (1 - BASE_RATE)), precision=20.0, forgetting=0.9999
        )
    )
