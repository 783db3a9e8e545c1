"""A real Apache Kafka on loopback ports, one broker or several: for tests and benchmarks, not for users.

The jars come from Maven once and stay in the checkout's cache folder; every broker is a process of its own
(KRaft, broker and controller combined) with a log folder that lives as long as the cluster. What a broker
holds survives ``kill`` and ``restart``. It is set up for faults that must be over soon (short sessions, no
rebalance delay), not for service.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path
from types import TracebackType

from streams.brokers import loopback
from streams.brokers.guarded import Guard
from streams.errors import BrokerError, ConfigurationError

VERSION = "4.1.1"
START_DEADLINE_S = 120.0
"""Format and start take 4 s on an idle machine (measured); a machine under load gets more."""
FETCH_DEADLINE_S = 600.0
"""45 MB of jars from Maven."""
HEAP_MB = 384
"""Enough for tens of millions of small records; the log itself lives in the page cache."""
DEDUPE_BUFFER_BYTES = 16 << 20
"""The log cleaner reserves this much of the heap (Kafka's own default, 128 MB, is a third of it)."""
MAX_REPLICATION = 3
"""The internal topics have as many replicas as there are brokers, up to this."""

POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>flywheel</groupId><artifactId>kafka-for-tests</artifactId><version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{VERSION}</version>
    </dependency>
    <!-- without it a broker that cannot start says nothing -->
    <dependency>
      <groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version>
    </dependency>
  </dependencies>
</project>
"""

PROPERTIES = """\
process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={folder}/log
auto.create.topics.enable=false
default.replication.factor={replicas}
min.insync.replicas={in_sync}
offsets.topic.replication.factor={replicas}
offsets.topic.num.partitions=4
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={in_sync}
transaction.state.log.num.partitions=4
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.session.timeout.ms=6000
broker.heartbeat.interval.ms=1000
controlled.shutdown.enable=false
log.cleaner.dedupe.buffer.size={dedupe}
share.coordinator.state.topic.replication.factor={replicas}
share.coordinator.state.topic.min.isr={in_sync}
"""


def missing_tools() -> list[str]:
    """The programs that an Apache Kafka of ours needs and this machine lacks (of ``java`` and ``mvn``)."""
    return [tool for tool in ("java", "mvn") if shutil.which(tool) is None]


def default_cache() -> Path:
    """Where the jars are kept: inside the checkout, or in the user's cache when there is no checkout."""
    checkout = Path(__file__).resolve().parents[2]
    base = (
        checkout / ".cache" if (checkout / "pyproject.toml").exists() else Path.home() / ".cache" / "flywheel"
    )
    return base / f"kafka-{VERSION}"


def fetch_jars(cache: Path) -> Path:
    """The folder of Kafka's jars, fetched with Maven the first time; other processes wait for the one that
    fetches.

    Raises ``ConfigurationError`` without Java or Maven, ``BrokerError`` when Maven fails.
    """
    if missing := missing_tools():
        raise ConfigurationError(
            f"Apache Kafka needs {' and '.join(missing)}: install a JDK (17 or newer) and Maven"
        )
    libs = cache / "libs"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if libs.exists():
            return libs
        fetched = cache / "fetched"  # renamed when whole, so that a broken download is never taken for jars
        shutil.rmtree(fetched, ignore_errors=True)
        (cache / "pom.xml").write_text(POM)
        command = ["mvn", "-q", "-B", "-f", str(cache / "pom.xml"), "dependency:copy-dependencies"]
        command += [f"-DoutputDirectory={fetched}", "-DincludeScope=runtime"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_DEADLINE_S, check=False)
        if done.returncode != 0:
            raise BrokerError(
                f"Maven could not fetch Apache Kafka {VERSION}: {(done.stdout + done.stderr)[-2_000:]}"
            )
        fetched.rename(libs)
    return libs


class ApacheKafka:
    """A cluster of ``brokers`` real brokers; ``replication`` of its internal topics follows its size.

    With a ``guard`` every broker has two more listeners, with TLS, ACLs, and passwords or certificates of the clients;
    the first stays open for whoever sets things up.

    Raises ``ConfigurationError`` without Java or Maven, ``BrokerError`` when a broker does not come up. Use
    it as a context manager; a broker is named by its index, from 0.
    """

    def __init__(
        self,
        brokers: int = 1,
        *,
        heap_mb: int = HEAP_MB,
        cache: Path | None = None,
        guard: Guard | None = None,
    ) -> None:
        if brokers < 1:
            raise ConfigurationError(f"a cluster of {brokers} brokers: ask for 1 or more")
        self.size = brokers
        self._heap_mb = heap_mb
        self._guard = guard
        self._guarded_ports: list[int] = []
        self._certified_ports: list[int] = []
        self._cache = cache or default_cache()
        self._ports: list[int] = []
        self._processes: list[subprocess.Popen[bytes] | None] = [None] * brokers
        self._folder: Path | None = None
        self._libs: Path | None = None

    @property
    def address(self) -> str:
        """Bootstrap servers, comma separated, without a scheme."""
        return ",".join(f"{loopback.HOST}:{port}" for port in self._ports)

    @property
    def guarded_address(self) -> str:
        """The same for the listeners with TLS, passwords and ACLs; empty without a ``guard``."""
        return ",".join(f"{loopback.HOST}:{port}" for port in self._guarded_ports)

    @property
    def certified_address(self) -> str:
        """The same for the listeners that ask clients for certificates."""
        return ",".join(f"{loopback.HOST}:{port}" for port in self._certified_ports)

    def pid(self, broker: int) -> int | None:
        """The process id of a broker; ``None`` while it is down."""
        process = self._processes[broker]
        return None if process is None else process.pid

    def log(self, broker: int) -> str:
        """The end of what a broker has said (warnings and errors)."""
        return loopback.tail(self._log(broker))

    def start(self) -> ApacheKafka:
        """Format and start all brokers; returns when every one of them knows all of them."""
        self._libs = fetch_jars(self._cache)
        self._folder = Path(tempfile.mkdtemp(prefix="flywheel-kafka-"))
        try:
            self._lay_out()
            self._format()
            for broker in range(self.size):
                self._launch(broker)
            for broker in range(self.size):
                self._await(broker, self.size)
        except BaseException:
            self.stop()
            raise
        return self

    def kill(self, broker: int = 0) -> None:
        """``kill -9``: the broker gets no chance to say good-bye."""
        process = self._processes[broker]
        if process is not None:
            loopback.end(process)
            self._processes[broker] = None

    def restart(self, broker: int = 0) -> None:
        """Start a broker again on its port and its log; returns when it answers and knows all brokers that
        live.
        """
        self.kill(broker)
        self._launch(broker)
        self._await(broker, sum(process is not None for process in self._processes))

    def stop(self) -> None:
        """End every broker of this cluster and remove its logs."""
        for broker in range(self.size):
            self.kill(broker)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _home(self, broker: int) -> Path:
        if self._folder is None:
            raise BrokerError("the cluster does not run: call start first")
        return self._folder / f"broker-{broker}"

    def _log(self, broker: int) -> Path:
        return self._home(broker) / "broker.log"

    def _lay_out(self) -> None:
        self._ports = [loopback.free_port() for _ in range(self.size)]
        if self._guard is not None:
            self._guarded_ports = [loopback.free_port() for _ in range(self.size)]
            self._certified_ports = [loopback.free_port() for _ in range(self.size)]
        controllers = [loopback.free_port() for _ in range(self.size)]
        replicas = min(self.size, MAX_REPLICATION)
        for broker in range(self.size):
            home = self._home(broker)
            home.mkdir()
            text = PROPERTIES.format(
                node=broker + 1,
                voters=",".join(
                    f"{node}@{loopback.HOST}:{port}" for node, port in enumerate(controllers, start=1)
                ),
                host=loopback.HOST,
                port=self._ports[broker],
                controller_port=controllers[broker],
                folder=home,
                replicas=replicas,
                in_sync=max(1, replicas - 1),
                dedupe=DEDUPE_BUFFER_BYTES,
            )
            if self._guard is not None:
                guarded, certified = self._guarded_ports[broker], self._certified_ports[broker]
                text = self._guard.properties(text, guarded, certified)
            (home / "server.properties").write_text(text)

    def _java(self, broker: int, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = ["java", f"-Xmx{self._heap_mb}m", "-Xms64m", "-XX:+UseSerialGC"]
        logger = "-Dorg.slf4j.simpleLogger"
        command += [f"{logger}.defaultLogLevel=warn", f"{logger}.showDateTime=true"]
        command += ["-cp", f"{self._libs}/*", program, *arguments]
        with self._log(broker).open("ab") as output:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self._home(broker),
                env=dict(os.environ),
                start_new_session=True,  # a Ctrl-C ends the tests first, and they end their brokers
            )

    def _format(self) -> None:
        cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A")
        users = [] if self._guard is None else self._guard.users()
        tools = [
            self._java(
                broker, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", "server.properties", *users
            )
            for broker in range(self.size)
        ]
        for broker, tool in enumerate(tools):
            if tool.wait(START_DEADLINE_S) != 0:
                raise BrokerError(f"broker {broker} could not be formatted: {self.log(broker)}")

    def _launch(self, broker: int) -> None:
        self._processes[broker] = self._java(broker, "kafka.Kafka", "server.properties")

    def _await(self, broker: int, count: int) -> None:
        process = self._processes[broker]
        if process is None:
            raise BrokerError(f"broker {broker} is down")
        loopback.await_brokers(process, self._ports[broker], count, START_DEADLINE_S, self._log(broker))

    def __enter__(self) -> ApacheKafka:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
