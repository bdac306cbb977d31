"""What a folder says, and every fault with its file, line, column and reason."""

import json

import pytest

from pipeline.importers.exchange import (
    DEAL_COLUMNS,
    DEAL_LIMITS,
    FAULTS_SHOWN,
    STAGE_LIMITS,
    CompanyHead,
    ExchangeRefused,
    Fault,
    StageLine,
    open_folder,
)
from pipeline.importers.exchange_check import check_rows
from pipeline.importers.exchange_write import write_company, write_stages
from tests.golden.company_files import COMPANY as GOLDEN
from tests.pipeline.exchange import folders
from tests.pipeline.exchange.folders import SPOILED, make, replaced


def faults_of(folder) -> tuple[Fault, ...]:
    with pytest.raises(ExchangeRefused) as refused:
        open_folder(folder)
    return refused.value.faults


def test_the_golden_folder_is_read():
    folder = open_folder(GOLDEN)
    assert folder.company.name == "Golden Coaching"
    assert [stage.position for stage in folder.stages] == [1, 2, 3, 4, None, None]
    assert folder.deal_columns == DEAL_COLUMNS
    assert folder.more is None
    assert check_rows(folder) == []


def test_the_awkward_folder_is_read(tmp_path):
    folder = open_folder(make(tmp_path / "in"))
    assert folder.pipelines == ("Sales", "Renewals")
    assert folder.stages[0] == StageLine("Call booked", 1, "open", "Sales", "The call took place")
    assert check_rows(folder) == []


def test_a_byte_order_mark_and_other_orders_of_columns_are_no_fault(tmp_path):
    folder = make(
        tmp_path / "in",
        stages="kind,stage,position\nopen,A,1\nwon,W,\nlost,L,\n",
        deals="\ufeff" + ",".join(reversed(DEAL_COLUMNS)) + "\n",
        transitions="\ufeffreplaces,id,deal_id,from_stage,to_stage,occurred_at,recorded_at\n",
    )
    opened = open_folder(folder)
    assert opened.deal_columns == tuple(reversed(DEAL_COLUMNS))
    assert check_rows(opened) == []


@pytest.mark.parametrize("case", SPOILED)
def test_a_spoiled_row_is_told_with_its_place(tmp_path, case):
    file, old, new, (name, line, column, reason) = SPOILED[case]
    text = replaced(getattr(folders, file.upper()), old, new)
    found = check_rows(open_folder(make(tmp_path / "in", **{file: text})))
    first = [f for f in found if (f.file, f.line, f.column) == (name, line, column)]
    assert first, found
    assert reason in first[0].reason


@pytest.mark.parametrize(
    ("changes", "key", "reason"),
    [
        ({"name": "  "}, "name", "1 to 200"),
        ({"name": 7}, "name", "1 to 200"),
        ({"timezone": "Europe/Atlantis"}, "timezone", "IANA"),
        ({"timezone": None}, "timezone", "IANA"),
        ({"currency": "euro"}, "currency", "three capitals"),
        ({"fiscal_year_start_month": 13}, "fiscal_year_start_month", "1 to 12"),
        ({"fiscal_year_start_month": True}, "fiscal_year_start_month", "1 to 12"),
        ({"settle_days": -1}, "settle_days", "0 to 60"),
        ({"as_of": "2026-10-20"}, "as_of", "time zone"),
        ({"as_of": "2026-02-31T00:00:00Z"}, "as_of", "time zone"),
        ({"velocity_number": "many"}, "velocity_number", "average_open"),
        ({"velocity_cycle": "lost"}, "velocity_cycle", "won"),
        ({"locale": "english"}, "locale", "language"),
        ({"require_mfa": "yes"}, "require_mfa", "true nor false"),
        ({"colour": "red"}, "colour", "no such setting"),
    ],
)
def test_a_wrong_setting_is_told(tmp_path, changes, key, reason):
    faults = faults_of(make(tmp_path / "in", company={**folders.COMPANY, **changes}))
    assert [(f.file, f.column) for f in faults] == [("company.json", key)]
    assert reason in faults[0].reason


def test_missing_settings_are_told_all_at_once(tmp_path):
    faults = faults_of(make(tmp_path / "in", company={}))
    assert {f.column for f in faults} == {
        "name", "timezone", "currency", "fiscal_year_start_month"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("stages", "line", "column", "reason"),
    [
        ("stage,position,kind\n", None, None, "no stage"),
        ("stage,position,kind\nA,1,open\nW,,won\n", None, "kind", "kind lost"),
        ("stage,position,kind\nA,2,open\nW,,won\nL,,lost\n", None, "position", "1, 2, 3"),
        ("stage,position,kind\nA,1,open\nB,1,open\nW,,won\nL,,lost\n", 3, "position", "taken"),
        ("stage,position,kind\nA,1,open\nA,2,open\nW,,won\nL,,lost\n", 3, "stage", "twice"),
        ("stage,position,kind\nA,,open\nW,,won\nL,,lost\n", 2, "position", "needs a position"),
        ("stage,position,kind\nA,1,open\nW,2,won\nL,,lost\n", 3, "position", "only open"),
        ("stage,position,kind\n,1,open\nW,,won\nL,,lost\n", 2, "stage", "empty"),
        ("stage,position,kind\nA,1,closed\nW,,won\nL,,lost\n", 2, "kind", "closed is none"),
        ("stage,position\nA,1\n", 1, "kind", "missing"),
        ("stage,position,kind,retired_at\nA,1,open,\nB,,open,soon\n", 3, "retired_at", "instant"),
        ("stage,position,kind,replaced_by\nA,1,open,B\n", 2, "replaced_by", "only retired"),
        (
            "stage,position,kind,retired_at,replaced_by\nA,1,open,,\n"
            "B,,open,2026-01-01T00:00:00Z,C\nW,,won,,\nL,,lost,,\n",
            None,
            "replaced_by",
            "no other open",
        ),
        ("stage,position,kind,note\nA,1,open,\n", 1, "note", "no such column"),
        ("stage,position,kind,kind\nA,1,open,\n", 1, "kind", "twice"),
        ("", 1, None, "empty"),
        ("stage;position;kind\nA;1;open\n", 1, None, "commas"),
    ],
)
def test_wrong_stages_are_told(tmp_path, stages, line, column, reason):
    found = [f for f in faults_of(make(tmp_path / "in", stages=stages)) if f.file == "stages.csv"]
    assert (found[0].line, found[0].column) == (line, column)
    assert reason in found[0].reason


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("company.json", b"{", "not JSON"),
        ("company.json", b"[]", "JSON object"),
        ("company.json", b"\xff\xfe{\x00", "UTF-8"),
        ("deals.csv", b"", "empty"),
        ("deals.csv", "id,name\n".encode("utf-16"), "UTF-8"),
        ("deals.csv", b"id;name;account\n", "commas"),
        ("transitions.csv", b"\x89PNG\r\n\x1a\n\x00", "UTF-8"),
    ],
)
def test_a_file_that_is_none_is_told(tmp_path, name, data, reason):
    folder = make(tmp_path / "in")
    (folder / name).write_bytes(data)
    faults = faults_of(folder)
    assert {f.file for f in faults} == {name}
    assert reason in faults[0].reason


def test_missing_files_and_folders_are_told(tmp_path):
    assert "no such folder" in faults_of(tmp_path / "nowhere")[0].reason
    folder = make(tmp_path / "in")
    (folder / "deals.csv").unlink()
    (folder / "stages.csv").unlink()
    assert [f.file for f in faults_of(folder)] == ["stages.csv", "deals.csv"]


def test_several_pipelines_need_their_column(tmp_path):
    deals = ",".join(DEAL_COLUMNS) + "\n"
    faults = faults_of(make(tmp_path / "in", deals=deals))
    assert "column named pipeline" in faults[0].reason


def test_bytes_that_are_no_text_are_told_with_their_line(tmp_path):
    folder = make(tmp_path / "in")
    data = (folder / "deals.csv").read_bytes()
    (folder / "deals.csv").write_bytes(data.replace(b"Padded", b"Pad\xffded"))
    found = check_rows(open_folder(folder))
    assert ("deals.csv", 3) in {(f.file, f.line) for f in found if "UTF-8" in f.reason}


def test_a_long_list_of_faults_is_cut_and_says_so():
    refused = ExchangeRefused([Fault("deals.csv", n, "id", "is wrong") for n in range(250)])
    assert len(refused.faults) == FAULTS_SHOWN
    assert str(refused).endswith("and 150 more")


def test_what_is_written_is_read_again(tmp_path):
    source = open_folder(make(tmp_path / "in"))
    target = tmp_path / "out"
    make(target)
    head = CompanyHead("Ölwerk", "Asia/Kathmandu", "NPR", 7, 3, None, "opened", "closed", "fr")
    write_company(target, head)
    write_stages(target, source.stages)
    again = open_folder(target)
    assert again.company == head
    assert again.stages == source.stages
    assert json.loads((target / "company.json").read_text())["as_of"] is None


def test_limits_are_those_of_the_tables():
    from pipeline.models import (
        Competitor,
        Customer,
        Deal,
        LostReason,
        Pipeline,
        Product,
        Rep,
        Source,
        Stage,
        Team,
    )

    def limit(model, field):
        return model._meta.get_field(field).max_length

    assert {
        "name": limit(Deal, "name"), "account": limit(Customer, "name"),
        "source": limit(Source, "name"), "product": limit(Product, "name"),
        "rep": limit(Rep, "name"), "team": limit(Team, "name"),
        "lost_reason": limit(LostReason, "detail"), "competitor": limit(Competitor, "name"),
    } == DEAL_LIMITS  # fmt: skip
    assert {
        "stage": limit(Stage, "name"), "pipeline": limit(Pipeline, "name"),
        "exit_criterion": limit(Stage, "exit_criterion"),
    } == STAGE_LIMITS  # fmt: skip
