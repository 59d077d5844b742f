"""Every value of a translated document can say where it came from."""

from __future__ import annotations

from gateway.mapping import explain, translate
from tests.mapping_samples import CONTEXT, FULL, HEAD, a, translation

DOCUMENT = a(
    "<ID>1</ID><Note>one</Note><Note>two</Note>"
    '<Item><Seq>1</Seq><Qty unitCode="TNE">2</Qty></Item>'
    "<Item><Seq>2</Seq><Document><Type>1</Type><No>D1</No></Document><Document><Type>2</Type><No>D2</No></Document></Item>"
)


def test_the_bytes_are_the_same_and_every_value_has_its_trace() -> None:
    compiled = translation(FULL)
    out, traces = explain(DOCUMENT, compiled, CONTEXT)
    assert out == translate(DOCUMENT, compiled, CONTEXT)
    assert [(trace.target, trace.value, trace.rule, trace.sources) for trace in traces] == [
        ("B/Number", "1", "R1", (("A/ID", "1"),)),
        ("B/Remark[1]", "one", "R5", (("A/Note[1]", "one"),)),
        ("B/Remark[2]", "two", "R5", (("A/Note[2]", "two"),)),
        ("B/Line[1]/Pos", "1", "G1a", (("A/Item[1]/Seq", "1"),)),
        ("B/Line[1]/Quantity", "2000", "G1b", (("A/Item[1]/Qty", "2"), ("A/Item[1]/Qty/@unitCode", "TNE"))),
        ("B/Line[1]/Quantity/@unitCode", "168", "G1c", (("A/Item[1]/Qty/@unitCode", "TNE"),)),
        ("B/Line[2]/Pos", "2", "G1a", (("A/Item[2]/Seq", "2"),)),
        ("B/Line[2]/Paper[1]/No", "D1", "G2a", (("A/Item[2]/Document[1]/No", "D1"),)),
        ("B/Line[2]/Paper[2]/No", "D2", "G2a", (("A/Item[2]/Document[2]/No", "D2"),)),
    ]


def test_a_trace_names_row_converter_and_code_list() -> None:
    compiled = translation(FULL)
    trace = next(trace for trace in explain(DOCUMENT, compiled, CONTEXT)[1] if trace.rule == "G1c")
    assert (trace.line, trace.convert, trace.codes) == (12, "code:UNITS", (("UNITS", compiled.codes["UNITS"]),))


def test_constants_context_and_selected_values_are_traced() -> None:
    rows = HEAD + "R1,A/ID,B/Number,,,,\nR2,,B/Code,const:c,,,why\nR3,$sender,B/Day,,,,\n"
    rows += "R4,A/Item/Document/No,B/Free,,,A/Item/Document/Type = '2',\nG1,A/Item,B/Line,each,,,\n"
    rows += "G2,A/Item/Seq,B/Line/@nr,,,,\nG3,A/Item/Seq,B/Line/Pos,,,,\n"
    found = {trace.rule: trace for trace in explain(DOCUMENT, translation(rows), CONTEXT)[1]}
    assert found["R2"].sources == ()
    assert found["R2"].note == "why"
    assert found["R3"].sources == (("$sender", "customs_kz"),)
    assert found["R4"].sources == (("A/Item[2]/Document[2]/No", "D2"),)
    assert found["G2"].target == "B/Line[2]/@nr"
