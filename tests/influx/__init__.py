"""InfluxDB for tests: a real engine behind the write API of version 2, and a server that answers by script.

The engine is Debian's `influxdb` 1.6.7, older than the version that brought the API: `server` puts in
front what 1.8 has itself.
"""

from tests.influx.scripted import Answer, ScriptedServer
from tests.influx.server import InfluxServer, InfluxUnavailableError

__all__ = ["Answer", "InfluxServer", "InfluxUnavailableError", "ScriptedServer"]
