"""Find Java and Kafka's jars; fetch the jars with Maven when they are not there yet."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from tests.support.cached import CACHE

POM = Path(__file__).with_name("pom.xml")
MIN_JAVA = 17


class KafkaUnavailableError(Exception):
    """This machine cannot run Kafka; the message names the package to install."""


def find_java() -> str:
    """Return the path of a Java that Kafka runs on."""
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=f"{home}/bin") if home else None
    java = java or shutil.which("java")
    if java is None:
        raise KafkaUnavailableError("no Java found: install a JRE 17 or newer (Debian: default-jre-headless)")
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', said)
    if version is None or int(version[1]) < MIN_JAVA:
        raise KafkaUnavailableError(f"{java} is too old ({said.splitlines()[:1]}): install a JRE 17 or newer")
    return java


def find_jars() -> Path:
    """Return the folder of Kafka's jars, fetched first if need be.

    `KAFKA_JARS` names a folder that has them already, for machines without Maven or a network.
    """
    if given := os.environ.get("KAFKA_JARS"):
        if not any(Path(given).glob("kafka-server-*.jar")):
            raise KafkaUnavailableError(f"KAFKA_JARS={given} holds no Kafka jars: unset it or correct it")
        return Path(given)

    return fetched(POM, "kafka.version", "kafka")


def fetched(pom: Path, version: str, name: str) -> Path:
    """Return the folder of the jars that a pom names, fetched the first time.

    Parameters
    ----------
    pom
        Its file.
    version
        Its property with the version that the folder bears.
    name
        What the folder's name begins with.
    """
    content = pom.read_bytes()
    found = re.search(rf"<{re.escape(version)}>(.+?)</".encode(), content)
    if found is None:
        raise KafkaUnavailableError(f"{pom} names no {version}")
    folder = CACHE / f"{name}-{found[1].decode()}"
    # The stamp is written last and names the pom: neither half a download nor an outdated one is used.
    stamp, wanted = folder / ".complete", hashlib.sha256(content).hexdigest()

    CACHE.mkdir(exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # parallel runs fetch once
        if not (stamp.exists() and stamp.read_text() == wanted):
            shutil.rmtree(folder, ignore_errors=True)
            _fetch(pom, folder)
            stamp.write_text(wanted)
    return folder


def _fetch(pom: Path, folder: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise KafkaUnavailableError(
            "no jars of Kafka and no Maven to fetch them: install maven, or set KAFKA_JARS"
        )
    command = [maven, "--batch-mode", "--quiet", "--file", str(pom), "dependency:copy-dependencies"]
    options = ["-DincludeScope=runtime", f"-DoutputDirectory={folder}"]
    try:
        done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=600, check=False)
    except subprocess.TimeoutExpired as error:
        raise KafkaUnavailableError(
            "Maven did not fetch the jars of Kafka within 10 minutes: try again"
        ) from error
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise KafkaUnavailableError(f"Maven could not fetch the jars of Kafka:\n{tail}")
