"""The package's objects as a real kernel shows them."""

from __future__ import annotations

SIMULATED = """
from data_gen import Simulation
from retail_anomaly import *
simulation = Simulation(stores=1, days=2, seed=7, volumes=["small"], incident_rate=0.5)
events = list(simulation.events())
"""


def html(outputs) -> str:
    (shown,) = [output for output in outputs if output.output_type != "stream"]
    return shown.data["text/html"]


def test_progress_is_shown_once_and_ends_in_words(cell):
    cell(SIMULATED)
    outputs = cell("_ = replay(events)")
    assert [output.output_type for output in outputs] == ["display_data"]
    assert outputs[0].data["text/plain"].endswith(" events")
    assert "<progress" not in outputs[0].data["text/html"]


def test_progress_may_be_left_out(cell):
    cell(SIMULATED)
    assert cell("_ = replay(events, progress=False)") == []


def test_progress_changes_in_its_place_while_it_goes_on(cell):
    cell("import time; from retail_anomaly.replay.progress import progress_bar")
    (shown,) = cell("bar = progress_bar('<begun>'); update = bar.__enter__()")
    assert shown.data["text/html"] == "<code>&lt;begun&gt;</code> <progress></progress>"
    assert cell("time.sleep(0.3); update('1 < 2', 0.25)") == []
    assert shown.data["text/html"] == "<code>1 &lt; 2</code> <progress value=0.250></progress>"
    cell("bar.__exit__(None, None, None)")
    assert shown.data["text/html"] == "<code>1 &lt; 2</code>"


def test_tuning_shows_its_progress_and_its_outcome(cell):
    cell(SIMULATED)
    cell("from retail_anomaly.tune import tune; truth = incidents_frame(simulation.incidents)")
    outputs = cell("tuning = tune(events, truth, budget=9, trials=2, split=0.5)\ntuning")
    words, outcome = outputs
    assert words.data["text/plain"] == "2 of 2 trials"
    assert "<table" in outcome.data["text/html"]


def test_two_processes_give_a_notebook_the_outcome_of_one(cell, tmp_path):
    cell(SIMULATED)
    cell(f"""
from retail_anomaly.core.codec import encode, topic_of
from retail_anomaly.tune import tune
log = {str(tmp_path / "events.jsonl")!r}
with open(log, "wb") as file:
    for event in events:
        file.write(b'{{"topic":"%b","value":%b}}\\n' % (topic_of(event).encode(), encode(event)))
truth = incidents_frame(simulation.incidents)
def outcome(jobs):
    alerts = replay(log, jobs=jobs, progress=False).alerts.drop(columns="detected_at").to_csv()
    return alerts + tune(log, truth, budget=50, trials=1, split=0.5, jobs=jobs, progress=False).config
""")
    (shown,) = cell("outcome(2) == outcome(1)")
    assert shown.data["text/plain"] == "True"
    cell("""
from retail_anomaly.detectors import RefundBurst
class Twice(RefundBurst):
    name = "twice"
    alert_type = "TWICE"
_ = register(Twice, Twice.Parameters(count=2))
""")
    (shown,) = cell("both = outcome(2)\nboth == outcome(1), 'TWICE' in both")
    assert shown.data["text/plain"] == "(True, True)"


def test_a_replay_sums_itself_up(cell):
    cell(SIMULATED)
    shown = html(cell("replay(events, progress=False)"))
    assert "events of 1 store" in shown
    assert "<th>REFUND_BURST</th>" in shown


def test_an_alert_is_a_sentence_with_its_evidence(cell):
    cell("from retail_anomaly import *")
    shown = html(
        cell(
            'Alert("a", 1, "SHRINKAGE", "inventory_shrinkage", "<s>", None, 1.0, "10 < 20.", 1760000000000,'
            ' 1760000000000, {"sku": "<k>", "difference": 10, "offShift": None}, "0")'
        )
    )
    assert "<p>10 &lt; 20.</p>" in shown
    assert "<th>about</th><td>&lt;s&gt;</td>" in shown
    assert "<th>event time</th><td>2025-10-09 08:53:20 UTC</td>" in shown
    assert "<th>sku</th><td>&lt;k&gt;</td>" in shown
    assert "<th>offShift</th><td>null</td>" in shown


def test_settings_say_what_differs(cell):
    cell("from retail_anomaly.settings import load")
    shown = html(cell('load(environ={}, flags={"detectors.refund_burst.count": 4}).settings'))
    assert "<th>detectors.refund_burst.count</th><td>4</td><td>3</td>" in shown
    assert "<th>detectors.refund_burst.window</th><td>10m</td><td></td>" in shown
    assert "<th>count</th><td>4</td><td>3</td>" in html(
        cell('load(environ={}, flags={"detectors.refund_burst.count": 4}).settings.detectors.refund_burst')
    )


def test_a_store_that_is_called_like_markup_is_text(cell):
    cell("from retail_anomaly.settings import Settings, StoreSettings")
    shown = html(cell('Settings(stores={"<script>": StoreSettings(time_zone="Europe/Berlin")})'))
    assert "<script>" not in shown
    assert "<td>Europe/Berlin</td>" in shown


def test_what_matters_is_what_the_package_offers(cell):
    cell("import retail_anomaly as ra")
    (listed,) = cell("dir(ra) == sorted([*ra.__all__, '__version__'])")
    assert listed.data["text/plain"] == "True"
