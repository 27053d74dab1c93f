"""A PostgreSQL of Debian's packages as a child process, on the loopback interface."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import tempfile
import time
import weakref
from pathlib import Path
from typing import Any

from tests.support.ports import free_ports
from tests.support.waiting import PATIENCE_S

START_DEADLINE = PATIENCE_S
USER, PASSWORD, DATABASE = "retail", "a-password-for-tests", "alerts"


class PostgresUnavailableError(Exception):
    """There is no server here; the message says how to get one."""


class Postgres:
    """A server with one empty database, and one user with a password."""

    def __init__(self) -> None:
        self._programs = _programs()
        # The server refuses to run as root, and its own user may not look into folders of root.
        self._user = "postgres" if os.geteuid() == 0 else None
        folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        if self._user:
            os.chown(folder, pwd.getpwnam(self._user).pw_uid, -1)
        password = folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        options = ["--username", USER, "--auth=scram-sha-256", f"--pwfile={password}", "--no-sync"]
        self._run("initdb", "-D", str(folder / "data"), *options)
        (self.port,) = free_ports(1)
        command = [str(self._programs / "postgres"), "-D", str(folder / "data"), "-p", str(self.port)]
        command += ["-c", f"unix_socket_directories={folder}", "-c", "listen_addresses=127.0.0.1", "-F"]
        self._log = folder / "postgres.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, user=self._user, cwd=folder)
        weakref.finalize(self, _end, self._process, folder)
        deadline = time.monotonic() + START_DEADLINE
        while not self._answers():
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline, self._log.read_text()
            time.sleep(0.1)
        self.do(f"CREATE DATABASE {DATABASE}", "postgres")

    @property
    def environ(self) -> dict[str, str]:
        """What the connector of docs/kafka-connect.md needs in its environment."""
        return {
            "ALERTS_JDBC_URL": f"jdbc:postgresql://127.0.0.1:{self.port}/{DATABASE}",
            "ALERTS_DB_USER": USER,
            "ALERTS_DB_PASSWORD": PASSWORD,
        }

    def do(self, statements: str, database: str = DATABASE) -> str:
        """Run SQL; return the output."""
        return self._run(
            *("psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "-v", "ON_ERROR_STOP=1"),
            *("-h", "127.0.0.1", "-p", str(self.port), "-U", USER, "-d", database, "-c", statements),
        )

    def rows(self, query: str) -> list[dict[str, Any]]:
        """Return the rows of a query, by column."""
        lines = self.do(f"SELECT row_to_json(r) FROM ({query}) r").splitlines()  # noqa: S608
        return [json.loads(line) for line in lines]

    def _answers(self) -> bool:
        try:
            return self.do("SELECT 1", "postgres").strip() == "1"
        except AssertionError:
            return False

    def _run(self, program: str, *arguments: str) -> str:
        done = subprocess.run(
            [str(self._programs / program), *arguments],
            capture_output=True,
            text=True,
            timeout=START_DEADLINE,
            check=False,
            user=self._user,
            cwd="/",
            env={"PATH": os.environ["PATH"], "PGPASSWORD": PASSWORD, "LC_ALL": "C.UTF-8"},
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def _programs() -> Path:
    """Return the folder of the newest version's programs; Debian has them in no folder of PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    on_path = shutil.which("postgres")
    if found or on_path:
        return (found[-1] if found else Path(str(on_path))).parent
    raise PostgresUnavailableError("PostgreSQL is not installed (Debian: apt-get install postgresql)")


def _end(process: subprocess.Popen[bytes], folder: Path) -> None:
    process.kill()
    process.wait()
    shutil.rmtree(folder, ignore_errors=True)
