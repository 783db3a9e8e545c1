"""Off-policy value: its formulas, its intervals, its warnings; checked against the Open Bandit data."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import yaml

from models.off_policy import WEIGHT_CAP, PolicyValue

Floats = npt.NDArray[np.float64]


@dataclass
class Log:
    """A log of the Open Bandit Dataset: chances, clicks, items and positions (from 0)."""

    propensity: Floats
    click: Floats
    item: npt.NDArray[np.int64]
    position: npt.NDArray[np.int64]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of obp 0.4.1, which carries a sample of the data; thrown away with the tests."""
    folder = tmp_path_factory.mktemp("obp")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder)]
    fetched = subprocess.run([*command, "obp==0.4.1"], capture_output=True, text=True, check=False)
    if fetched.returncode:
        pytest.skip(f"obp 0.4.1 cannot be downloaded here: {fetched.stderr.strip().splitlines()[-1:]}")
    return next(folder.glob("*.whl"))


def read(wheel: Path, policy: str, campaign: str) -> Log:
    with zipfile.ZipFile(wheel) as archive:
        raw = archive.read(f"obp/dataset/obd/{policy}/{campaign}/{campaign}.csv").decode()
    lines = sorted(csv.DictReader(io.StringIO(raw)), key=lambda line: line["timestamp"])
    column = {name: np.array([float(line[name]) for line in lines])
              for name in ("propensity_score", "click", "item_id", "position")}  # fmt: skip
    position = np.unique(column["position"], return_inverse=True)[1]
    return Log(column["propensity_score"], column["click"], column["item_id"].astype(np.int64), position)


def bernoulli_thompson(wheel: Path, campaign: str, items: int) -> Floats:
    """Chance of each item at each of three positions under the shop's own Bernoulli Thompson sampling, with
    the prior that it published: ``[items, 3]``."""
    with zipfile.ZipFile(wheel) as archive:
        prior = yaml.safe_load(archive.read("obp/policy/conf/prior_bts.yaml"))[campaign]
    rng = np.random.default_rng(1)
    draws = rng.beta(np.array(prior["alpha"]), np.array(prior["beta"]), size=(50_000, items))
    best = np.argsort(-draws, axis=1)[:, :3]
    return np.stack([np.bincount(best[:, k], minlength=items) / len(draws) for k in range(3)], axis=1)


@pytest.mark.parametrize("policy", ["random", "bts"])
@pytest.mark.parametrize("campaign", ["all", "men", "women"])
def test_the_logging_policys_own_ips_is_its_mean_click_exactly(
    wheel: Path, policy: str, campaign: str
) -> None:
    log = read(wheel, policy, campaign)
    value = PolicyValue()
    value.add_many(log.propensity, log.propensity, log.click)
    mean = log.click.sum() / len(log.click)
    assert len(log.click) == 10_000 and 0 < mean < 0.01
    assert value.ips().value == mean == value.snips().value == value.dr().value == value.logged.value
    assert value.effective == 10_000
    assert value.gain().value == 0.0


def test_another_policy_as_the_open_bandit_pipeline_defines_it(wheel: Path) -> None:
    log = read(wheel, "random", "men")
    items = int(log.item.max()) + 1
    policy = bernoulli_thompson(wheel, "men", items)
    probability = policy[log.item, log.position]
    train = np.arange(len(log.click)) < 5_000  # a reward model: an item's smoothed click rate
    rate = log.click[train].mean()
    q = (np.bincount(log.item[train], log.click[train], items) + 50 * rate) / (
        np.bincount(log.item[train], minlength=items) + 50
    )
    q_policy = q @ policy[:, log.position]

    value = PolicyValue()
    value.add_many(log.propensity, probability, log.click, q[log.item], q_policy)

    # obp 0.4.1, ope/estimators.py: _estimate_round_rewards of IPW, SNIPW and DR, then the mean.
    iw = probability / log.propensity
    q_all = np.repeat(q[None, :], len(iw), axis=0)
    dr = np.average(q_all, weights=policy[:, log.position].T, axis=1) + iw * (log.click - q[log.item])
    assert value.ips().value == pytest.approx((log.click * iw).mean(), rel=1e-12)
    assert value.snips().value == pytest.approx((log.click * iw / iw.mean()).mean(), rel=1e-12)
    assert value.dr().value == pytest.approx(dr.mean(), rel=1e-9)
    assert value.ips().high - value.ips().value == pytest.approx(
        1.96 * (log.click * iw).std(ddof=1) / 100, rel=1e-3
    )
    assert value.effective == pytest.approx(iw.sum() ** 2 / (iw**2).sum())


@pytest.mark.parametrize("campaign", ["all", "men", "women"])
def test_the_random_log_tells_what_thompson_sampling_earned(wheel: Path, campaign: str) -> None:
    log, truth = read(wheel, "random", campaign), read(wheel, "bts", campaign)
    policy = bernoulli_thompson(wheel, campaign, int(log.item.max()) + 1)
    value = PolicyValue()
    value.add_many(log.propensity, policy[log.item, log.position], log.click)
    earned = PolicyValue()
    earned.add_many(truth.propensity, truth.propensity, truth.click)
    # Two logs, two intervals: they must meet.
    assert value.snips().low <= earned.logged.high and earned.logged.low <= value.snips().high


def simulated(rng: np.random.Generator, n: int) -> tuple[Floats, Floats, Floats, Floats, Floats, float]:
    """Choices of one in three by a skewed logging policy; another policy's chances and its true value."""
    logging, target, rates = np.array([0.7, 0.2, 0.1]), np.array([0.1, 0.3, 0.6]), np.array([0.1, 0.3, 0.5])
    choice = rng.choice(3, size=n, p=logging)
    reward = (rng.random(n) < rates[choice]).astype(np.float64)
    q = np.array([0.15, 0.25, 0.4])  # a reward model that is wrong
    return logging[choice], target[choice], reward, q[choice], np.full(n, q @ target), float(rates @ target)


def test_intervals_hold_what_they_promise() -> None:
    rng = np.random.default_rng(5)
    held = dict.fromkeys(("ips", "snips", "dr", "sure ips", "sure dr", "gain"), 0)
    widths = dict.fromkeys(held, 0.0)
    runs, n = 400, 400
    for _ in range(runs):
        *columns, truth = simulated(rng, n)
        value = PolicyValue(cap=10.0)
        value.add_many(*columns)
        logged = 0.7 * 0.1 + 0.2 * 0.3 + 0.1 * 0.5
        for name, estimate, true in (
            ("ips", value.ips(), truth), ("snips", value.snips(), truth), ("dr", value.dr(), truth),
            ("sure ips", value.ips(sure=True), truth), ("sure dr", value.dr(sure=True), truth),
            ("gain", value.gain(), truth - logged),
        ):  # fmt: skip
            held[name] += estimate.low <= true <= estimate.high
            widths[name] += (estimate.high - estimate.low) / runs
    for name, count in held.items():
        assert count / runs >= (0.95 if name.startswith("sure") else 0.915), (name, count)
    assert widths["snips"] < widths["ips"] and widths["dr"] < widths["ips"] < widths["sure ips"]


def test_partitions_merge_and_batches_do_not_matter() -> None:
    rng = np.random.default_rng(2)
    *columns, _ = simulated(rng, 1_000)
    whole, one_by_one, first, second = (PolicyValue() for _ in range(4))
    whole.add_many(*columns)
    for row in zip(*(column.tolist() for column in columns), strict=True):
        one_by_one.add(*row)
    first.add_many(*(column[:300] for column in columns))
    second.add_many(*(column[300:] for column in columns))
    first.merge(second.sums)
    assert one_by_one.sums.tobytes() == whole.sums.tobytes()
    assert first.sums == pytest.approx(whole.sums)
    before = whole.snips()
    whole.halve()
    assert whole.snips().value == pytest.approx(before.value)
    assert whole.snips().high > before.high, "half of the evidence is a wider interval"
    with pytest.raises(ValueError, match="sums"):
        whole.merge(np.zeros(3))


def test_weights_are_cut_and_it_is_said() -> None:
    value = PolicyValue()
    value.add_many(np.full(1_000, 0.5), np.full(1_000, 0.5), np.ones(1_000))
    assert value.ips().warning == ""
    for _ in range(20):
        value.add(0.001, 1.0, 1.0)
    assert value.sums[1] == 20 and value.ips().clipped == pytest.approx(20 / 1_020)
    assert value.ips().value == pytest.approx((1_000 + 20 * WEIGHT_CAP) / 1_020)
    assert "effective sample of" in value.ips().warning or "cut at 50" in value.ips().warning


@pytest.mark.parametrize(
    ("n", "probability", "reward", "warning"),
    [
        (99, 0.5, 1.0, "effective sample of 99"),
        (5_000, 0.5, 1.0, ""),
        (5_000, 0.5, 0.01, "rewards: about 0"),
        (0, 0.5, 1.0, "effective sample of 0"),
    ],
)
def test_what_cannot_be_trusted_says_so(n: int, probability: float, reward: float, warning: str) -> None:
    value = PolicyValue()
    value.add_many(np.full(n, 0.5), np.full(n, probability), np.full(n, reward))
    assert value.snips().warning.startswith(warning) and bool(value.snips().warning) == bool(warning)


def test_a_policy_that_the_log_never_followed_has_a_tiny_sample() -> None:
    value = PolicyValue(cap=1e9)
    value.add_many(np.full(100_000, 0.99), np.full(100_000, 0.001), np.zeros(100_000))
    value.add_many(np.full(400, 0.01), np.full(400, 0.999), np.ones(400))
    assert value.effective < 1_000 and "of the log" in value.ips().warning


def test_what_is_no_chance_is_refused() -> None:
    value = PolicyValue()
    for propensity, probability in ((0.0, 0.5), (1.1, 0.5), (0.5, -0.1), (float("nan"), 0.5), (0.5, 2.0)):
        with pytest.raises(ValueError, match="no chance"):
            value.add(propensity, probability, 1.0)
        with pytest.raises(ValueError, match="no chance"):
            value.add_many(np.array([propensity]), np.array([probability]), np.ones(1))
    with pytest.raises(ValueError, match="cap"):
        PolicyValue(cap=0.0)
    assert value.n == 0 and np.isnan(value.ips().value)
