"""Every Kafka client's default partitioner sends a key where we do."""

from __future__ import annotations

from aiokafka.partitioner import DefaultPartitioner, murmur2
from hypothesis import given
from hypothesis import strategies as st

from streams.rekeyed import partitioner
from streams.rekeyed.partitioner import partition_of


@given(st.binary(max_size=40))
def test_the_hash_is_kafkas(key: bytes) -> None:
    assert partitioner.murmur2(key) == murmur2(key)


@given(st.binary(max_size=40), st.integers(1, 300))
def test_the_partition_is_that_of_the_default_partitioner(key: bytes, partitions: int) -> None:
    everywhere = list(range(partitions))
    assert partition_of(key, partitions) == DefaultPartitioner()(key, everywhere, everywhere)


def test_known_values_of_the_java_client() -> None:
    # org.apache.kafka.common.utils.UtilsTest.testMurmur2, as signed 32-bit integers.
    java = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536}
    java[b"a-little-bit-longer-string"] = -1486304829
    java[b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8"] = -58897971
    java[b"abc"] = 479470107
    assert {key: partitioner.murmur2(key) for key in java} == {k: v & 0xFFFFFFFF for k, v in java.items()}
