"""The exceptions of Flywheel. Everything raised on purpose is one of these.

FlywheelError
├── ConfigurationError      a setting or a topic is wrong; the message says what to change
├── BrokerError             the broker cannot be reached or refuses; the process ends non-zero
├── RecoveryError           state cannot be rebuilt (unreadable record, deadline); the process ends non-zero
├── PositionError           a batch does not begin where the partition stands; the caller seeks
├── CheckpointError         a checkpoint failed; the partition's memory must be thrown away
│   └── FencedError         another worker owns the partition now
├── PromotionError          a shadow model has not earned the place of the one at work
├── StalledError            lag without progress for too long; the process ends non-zero
└── InvariantError          a bug in Flywheel itself: what must hold did not
"""

from __future__ import annotations


class FlywheelError(Exception):
    """Base of every error that Flywheel raises on purpose."""


class ConfigurationError(FlywheelError):
    """A setting, catalogue or topic is wrong. The message says what to change."""


class BrokerError(FlywheelError):
    """The broker cannot be reached, or refuses what it was asked."""


class RecoveryError(FlywheelError):
    """A partition's state cannot be rebuilt from its changelog."""


class PositionError(FlywheelError):
    """A batch does not begin at the position where the partition stands."""


class CheckpointError(FlywheelError):
    """A checkpoint was not committed: the partition's memory is ahead of the log and must go."""


class FencedError(CheckpointError):
    """Another worker has taken the partition over; this one may no longer write."""


class PromotionError(FlywheelError):
    """A shadow model has not earned the place of the one at work, or nothing was promoted."""


class StalledError(FlywheelError):
    """There is lag and no progress: the process ends so that its supervisor starts it again."""


class InvariantError(FlywheelError):
    """Something that must hold did not. Always a bug in Flywheel."""
