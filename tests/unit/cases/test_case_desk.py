"""The widgets of a notebook: a case is shown, a button keeps a verdict, and the next case opens."""

from collections.abc import Callable
from pathlib import Path

import pytest

from retail_anomaly.cli.review.case_desk import VERDICTS, CaseDesk
from retail_anomaly.core.codec import encode
from retail_anomaly.core.events import PosEvent
from retail_anomaly.frames.cases import triage
from tests.unit.cases.test_triage import HOUR, T0, alert

HOSTILE = "<script>c-9</script>"
MakeDesk = Callable[..., CaseDesk]


@pytest.fixture
def desk_of(tmp_path: Path) -> MakeDesk:
    def make(**fields: object) -> CaseDesk:
        alerts = [
            alert("a", evidence={"transactionIds": ["t-1"]}),
            alert("b", HOUR, type="SECURITY_CORRELATION"),
            alert("x", employee_id=HOSTILE),
        ]
        file = tmp_path / "alerts.jsonl"
        file.write_bytes(b"".join(encode(each) + b"\n" for each in alerts))
        return CaseDesk(file, **{"by": "kim", **fields})  # type: ignore[arg-type]

    return make


def press(desk: CaseDesk, verdict: str, reason: str) -> str:
    """Write a reason and press a button; return the line below the buttons."""
    _, _, _, text, buttons, said = desk.widget.children
    text.value = reason
    buttons.children[VERDICTS.index(verdict)].click()
    return str(said.value)


def test_a_button_keeps_the_verdict_and_opens_the_next_case(desk_of: MakeDesk) -> None:
    desk = desk_of()
    first = desk.shown
    said = press(desk, "confirmed", "seen on video")
    assert "kept in alerts.actions.jsonl" in said
    assert desk.shown not in (first, None)
    press(desk, "training", "a new cashier")
    assert "No open case" in desk.widget.children[1].value
    assert all(button.disabled for button in desk.widget.children[4].children)
    book = triage(desk.actions.with_name("alerts.jsonl"), desk.actions)
    assert {(case.subject.id, each.verdict) for case in book.cases for each in case.alerts} == {
        ("c-1", "confirmed"),
        (HOSTILE, "training"),
    }


def test_without_a_reason_nothing_is_kept(desk_of: MakeDesk) -> None:
    desk = desk_of()
    first = desk.shown
    assert "Write a reason first" in press(desk, "benign", "  ")
    assert desk.shown == first
    assert not desk.actions.exists()


def test_a_chosen_case_is_shown_with_its_receipts_and_its_figure(desk_of: MakeDesk) -> None:
    refund = PosEvent("t-1", "store-1", "c-1", "k", 9.5, "REFUND", T0)
    desk = desk_of(events=[refund])
    choice, details, figure, *_ = desk.widget.children
    assert [title.split(":")[0] for title, _ in choice.options] == [
        "1. c-1 in store-1",
        f"2. {HOSTILE} in store-1",
    ]
    assert "t-1" in details.value
    (drawn,) = (output["data"]["application/vnd.plotly.v1+json"] for output in figure.outputs)
    assert drawn["layout"]["title"]["text"].endswith("of c-1 is evidence")
    choice.value = choice.options[1][1]
    assert desk.shown == choice.value
    assert "of c-1" not in str(figure.outputs)
    assert "&lt;script&gt;" in details.value
    assert "<script>" not in details.value


def test_a_decision_of_the_board_is_there_after_refresh(desk_of: MakeDesk) -> None:
    mine, boards = desk_of(), desk_of()
    assert mine.shown is not None
    boards.judge(mine.shown, "benign", "a service desk")
    mine.refresh()
    assert len(mine.widget.children[0].options) == 1


def test_a_wrong_verdict_is_named(desk_of: MakeDesk) -> None:
    desk = desk_of()
    assert desk.shown is not None
    with pytest.raises(ValueError, match="verdict: expected one of"):
        desk.judge(desk.shown, "perhaps", "I do not know")
    with pytest.raises(KeyError, match="no such case"):
        desk.judge("nowhere", "benign", "there is none")


def test_a_case_that_changed_since_it_was_shown_is_shown_again(desk_of: MakeDesk) -> None:
    mine, boards = desk_of(), desk_of()
    assert mine.shown is not None
    boards.judge(mine.shown, "benign", "a service desk")
    before = mine.actions.read_bytes()

    assert "changed since you opened it" in press(mine, "confirmed", "seen on video")
    assert mine.actions.read_bytes() == before
    assert "confirmed: kept" in press(mine, "confirmed", "seen on video")


def test_a_decision_of_their_own_is_known_to_the_person(desk_of: MakeDesk) -> None:
    desk = desk_of()
    assert desk.shown is not None
    first = desk.judge(desk.shown, "unclear", "to be looked at again")
    second = desk.judge(desk.shown, "benign", "a service desk")
    assert second.time >= first.time
    assert len(desk.actions.read_text("utf-8").splitlines()) == 2
