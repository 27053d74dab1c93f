"""The group's offsets are deleted; the streamer refuses that, and one command of its own is the way out."""

from __future__ import annotations

import contextlib
import io
import shutil
from typing import TYPE_CHECKING

from confluent_kafka.admin import AdminClient

from streamer import cli
from streamer.kafka.offsets import GroupOffsets
from tests.faults.chaos.network import PROCESSES
from tests.support.waiting import PATIENCE_S

if TYPE_CHECKING:
    from tests.faults.chaos.stage import Stage


def delete(stage: Stage) -> None:
    """Delete the offsets while all streamers are stopped or killed, see the refusal, adopt or reset."""
    for name in stage.running():
        how = stage.rng.choice(("kill", "stop"))
        stage.say(f"{how} {name}")
        getattr(stage, how)(name)
    scene = stage.scene
    scene.wait_until_left()
    with GroupOffsets(scene.kafka.properties(), scene.group) as offsets:
        if not offsets.progress().processed:
            return
    stage.say("the group's offsets are deleted")
    admin = AdminClient({"bootstrap.servers": scene.address})
    admin.delete_consumer_groups([scene.group])[scene.group].result(PATIENCE_S)
    stage.start("a")
    refused = stage.process("a")
    assert refused.wait_until_ended() == 1, refused.tail()
    said = refused.last_word()["event"]
    ways = [way for way in ("adopt", "reset") if f"retail-streamer state {way}" in said]
    assert ways == ["adopt", "reset"], said
    # A reset raises past alerts again, which exactly-once forbids to the harness and not to a person.
    way = "adopt" if stage.exactly_once else stage.rng.choice(ways)
    stage.say(f"state {way}")
    scene.wait_until_left()
    _command(stage, way)


def _command(stage: Stage, way: str) -> None:
    options = ["--broker", stage.scene.address, "--consumer-group", stage.scene.group]
    if way == "reset":
        options += ["--state-dir", str(stage.folder / "a" / "state")]
        for name in PROCESSES[1:]:  # as on other machines of the group
            shutil.rmtree(stage.folder / name / "state", ignore_errors=True)
        for name in PROCESSES:
            shutil.rmtree(stage.folder / name / "copy", ignore_errors=True)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        assert cli.main(["state", way, *options]) == 0, said.getvalue()
