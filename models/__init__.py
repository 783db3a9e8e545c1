"""The learning core of Flywheel: pure, without Kafka, clock, files or globals. Read it in this order.

compiled.py             how loops become machine code
bayesian_logistic.py    the learner behind both surfaces, with its own uncertainty
quality.py              will this row be played well? features, prior, pipeline
hazard.py               will this profile leave? features, prior, pipeline
mixing.py               models that learned apart, made one by their evidence
folding.py              a linear pipeline as one dot product
registry.py             any River classifier, by name, under one interface
thompson.py             Thompson sampling among a few arms, with exact propensities
evaluation.py           rolling AUC, log loss and calibration: predict, then learn
paired_loss.py          is one model better than another? predict, then learn, pair by pair
co_watch.py             bounded neighbours: what is watched by those who watched this
factorisation.py        a vector a viewer, a vector a title
kalman_logit.py         a few weights from one outcome at a time, with their whole covariance
many_logs.py            logarithms and powers of many numbers at once: what scores of hundreds of titles need
title_logit.py          which of many titles is played next, learned among those at the top
drift.py                ADWIN on the loss
arm_sums.py             an arm of an experiment, as sums that merge
sequential.py           is one arm better? an answer that may be looked at at any time (CUPED, guardrails)
sample_ratio.py         did the arms get the shares they were to get?
allocation.py           which share of new profiles each arm gets, when better arms are to get more
credit.py               to which choices is a play owed? Shapley over lifts
off_policy.py           what another policy would have earned: IPS, SNIPS, DR
"""
