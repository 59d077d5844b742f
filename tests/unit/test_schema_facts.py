"""Every committed XSD is what its table gives, and each type word of the tables means what the rules say."""

from __future__ import annotations

from pathlib import Path

import pytest
import xmlschema
from lxml import etree

from gateway.errors import ConfigurationError
from gateway.facts import facts_from_xsd, read_facts
from gateway.schema.generate import build, check, load_facts, main, schema_tables, xsds_of

XSD = Path(__file__).parents[2] / "xsd"
TABLES = schema_tables(XSD)
NAMES = [table.relative_to(XSD).as_posix() for table in TABLES]
HEAD = """# title: Test
# namespace: urn:test:1
# prefix: t
# ns o=urn:test:other:1
# ns w=urn:test:wco:1
# dates w=urn:test:wco-dates:1
# style w=wco
# root: T
# version: 1.0
# status: profile, not official
path,min,max,type,wco_id,wco_name,tded,format,codes,pattern,note
T,1,1,class,,,,,,,
"""


def schema(folder: Path, rows: str, name: str = "t") -> etree.XMLSchema:
    """The compiled schema of a table with these rows below T."""
    table = folder / f"{name}.csv"
    table.write_text(HEAD + rows, encoding="utf-8")
    build([folder])
    return etree.XMLSchema(etree.parse(folder / f"{name}.xsd"))


def valid(compiled: etree.XMLSchema, body: str) -> bool:
    """Whether `<T>body</T>` is valid."""
    text = f'<T xmlns="urn:test:1" xmlns:o="urn:test:other:1" xmlns:w="urn:test:wco:1">{body}</T>'
    return bool(compiled.validate(etree.fromstring(text)))


@pytest.mark.parametrize("family", sorted({name.partition("/")[0] for name in NAMES}))
def test_the_committed_schemas_are_what_their_tables_give(family: str) -> None:
    """No drift; nothing left over."""
    assert check([XSD / family]) == []


@pytest.mark.parametrize("name", NAMES)
def test_every_schema_loads_in_both_engines_and_has_elements(name: str) -> None:
    """lxml for verdicts, xmlschema for explanations; both see the elements the table names."""
    path = XSD / name
    etree.XMLSchema(etree.parse(path.with_suffix(".xsd")))
    table = load_facts(path)
    loaded = xmlschema.XMLSchema(str(path.with_suffix(".xsd")), allow="local")
    assert table.root in {element.local_name for element in loaded.elements.values()}
    assert len(table.facts) > 1
    read = facts_from_xsd(str(path.with_suffix(".xsd")), table.root).facts
    nulls = {f"{key}/null" for key, fact in table.facts.items() if fact.type == "nullable"}
    assert set(read) - nulls == set(table.facts)
    for key, fact in table.facts.items():
        same = read[key]
        assert (same.namespace, same.name, same.min, same.max) == (fact.namespace, fact.name, fact.min, fact.max), key


@pytest.mark.parametrize("path", sorted(XSD.rglob("*.xsd")), ids=lambda path: path.name)
def test_no_schema_takes_other_digits_or_needs_the_network(path: Path) -> None:
    """`[0-9]` instead of the class of all the world's digits; locations are file names."""
    text = path.read_text(encoding="utf-8")
    assert "\\d" not in text
    assert all("/" not in node.get("schemaLocation", "") for node in etree.fromstring(text.encode()).iter("{*}import"))


@pytest.mark.parametrize(
    ("row", "good", "bad"),
    [
        ("string,,,,an..3,,,", ["a", "abc", " a ", "Қаз", "🙂🙂🙂", "a\n"], ["", "  ", "abcd", "\n"]),
        ("token,,,,an3,,,", ["abc", " abc ", "a c"], ["ab", "abcd", ""]),
        ("text,,,,,,,", ["a\nb", "x" * 999], ["", " \n "]),
        ("id,,,,an..4,,,", ["AB-1"], ["", "AB-12", " AB1 "]),
        ("token-id,,,,an..4,,,", ["AB-1", " AB1 \n"], ["", "AB-12"]),
        ("code,,,,a2,,,", ["KZ", "kz", " KZ "], ["K", "KZT", "K1", ""]),
        ("code,,,,n..2,,,", ["1", "09"], ["", "123", "a", "٣"]),
        ("code,,,,an..9,one of: OK | NO STOCK,,", ["OK", "NO STOCK", " OK "], ["", "ok", "NO  GO"]),
        (
            'string,,,,an..10,,"[0-9]{2}\\.[0-9]{2}\\.[0-9]{4}",',
            ["31.01.2026"],
            ["31.1.2026", "٣1.01.2026", " 31.01.2026"],
        ),
        ('decimal,,,,"n..5,2",,,', ["1", "123.45", "-1.5"], ["1234.567", "1.234", "123456", "", "1e2", "NaN"]),
        ("integer,,,,n..3,,,", ["0", "999", "-7"], ["1000", "1.0", ""]),
        ("numeric,,,,n2,,,", ["07", "42"], ["7", "123", "4.2"]),
        ("line,,,,an..4,,,", ["A B", "A\nB", " A "], ["", "  ", "ABCDE"]),
        ("int,,,,,,,", ["-1", "2147483647"], ["2147483648", "1.0", ""]),
        ("indicator,,,,,,,", ["true", "false"], ["1", "0", "TRUE", ""]),
        ("boolean,,,,,,,", ["true", "0"], ["yes", ""]),
        ("date,,,,,,,", ["2026-01-31"], ["31.01.2026", "2026-02-30", "20260131", ""]),
        ("datetime,,,,,,,", ["2026-01-31T12:00:00Z", "2026-01-31T12:00:00+05:00"], ["2026-01-31", ""]),
        ('datetime,,,,,,".*Z",', ["2026-01-31T12:00:00Z"], ["2026-01-31T12:00:00+05:00"]),
        ("time,,,,,,,", ["12:00:00"], ["12:00"]),
        ("base64,,,,,,,", ["QUJD"], ["QUJ"]),
    ],
)
def test_each_type_word_takes_and_refuses(tmp_path: Path, row: str, good: list[str], bad: list[str]) -> None:
    """Lengths count characters, not bytes; blank text is refused in a profile."""
    compiled = schema(tmp_path, f"T/V,1,1,{row}\n")
    assert [value for value in good if not valid(compiled, f"<V>{value}</V>")] == []
    assert [value for value in bad if valid(compiled, f"<V>{value}</V>")] == []


def test_amounts_and_quantities_carry_their_unit(tmp_path: Path) -> None:
    """Optional by itself; its own row makes it required and gives it codes; attributes without a row are refused."""
    rows = (
        'T/A,1,1,amount,,,,"n..16,3",,,\nT/Q,1,1,quantity,,,,"n..16,6",,,\n'
        "T/Q/@unitCode,1,1,code,KZ001,Unit,,,one of: KGM | NAR,,\n"
        'T/M,0,1,measure,,,,"n..16,6",,,\nT/M/@accuracy,0,1,token,KZ002,Accuracy,,an..3,,,\n'
    )
    compiled = schema(tmp_path, rows)
    quantity = '<Q unitCode="KGM">2</Q>'
    assert valid(compiled, f'<A currencyID="KZT">1.5</A>{quantity}')
    assert valid(compiled, f'<A>1.5</A>{quantity}<M unitCode="GRM" accuracy="A">1</M>')
    wrong = [
        f'<A currencyID="kzt">1</A>{quantity}',
        "<A>1</A><Q>2</Q>",
        '<A>1</A><Q unitCode="LTR">2</Q>',
        f'<A x="1">1</A>{quantity}',
    ]
    assert [body for body in wrong if valid(compiled, body)] == []


def test_a_choice_takes_exactly_one_of_its_members(tmp_path: Path) -> None:
    """A sequence inside a choice, an optional member beside it."""
    rows = (
        "T/?how,1,1,choice,,,,,,,\nT/?how/Paper,1,1,string,,,,,,,\nT/?how/?both,1,1,sequence,,,,,,,\n"
        "T/?how/?both/From,1,1,date,,,,,,,\nT/?how/?both/To,0,1,date,,,,,,,\nT/Note,0,*,string,,,,,,,\n"
    )
    compiled = schema(tmp_path, rows)
    day = "2026-01-31"
    taken = ["<Paper>a</Paper>", f"<From>{day}</From>", f"<From>{day}</From><To>{day}</To><Note>a</Note><Note>b</Note>"]
    assert [body for body in taken if not valid(compiled, body)] == []
    assert not valid(compiled, "")
    assert not valid(compiled, f"<Paper>a</Paper><From>{day}</From>")
    assert not valid(compiled, f"<To>{day}</To>")


def test_other_namespaces_get_files_of_their_own(tmp_path: Path) -> None:
    """Two siblings of one name in two namespaces; WCO style with attributes and dates in a third namespace."""
    rows = (
        "T/Answer,1,1,string,,,,,,,\nT/o:Answer,0,1,class,,,,,,,\nT/o:Answer/Text,1,1,string,,,,,,,\n"
        "T/w:Party,0,1,class,,,,,,,\nT/w:Party/ID,0,1,id,,,,an..17,,,\nT/w:Party/IssueDateTime,0,1,datetimestring,,,,,,,\n"
    )
    compiled = schema(tmp_path, rows)
    assert {path.name for path in tmp_path.glob("*.xsd")} == {"t.xsd", "t-o.xsd", "t-w.xsd", "t-w-dates.xsd"}
    date = '<d:DateTimeString xmlns:d="urn:test:wco-dates:1" formatCode="102">20260131</d:DateTimeString>'
    party = f'<w:Party><w:ID schemeID="x">  </w:ID><w:IssueDateTime>{date}</w:IssueDateTime></w:Party>'
    assert valid(compiled, f"<Answer>a</Answer><o:Answer><o:Text>b</o:Text></o:Answer>{party}")
    assert not valid(compiled, f"<Answer>a</Answer>{party.replace('102', '999')}")
    assert not valid(compiled, f"<Answer>a</Answer>{party.replace('20260131', '31.01.2026')}")
    assert not valid(compiled, "<Answer>a</Answer><o:Answer><Text>b</Text></o:Answer>")


def test_date_strings_without_a_namespace_of_their_own(tmp_path: Path) -> None:
    """They stand in the element's namespace."""
    compiled = schema(tmp_path, "T/At,1,1,datetimestring,,,,,,,\n")
    assert valid(compiled, '<At><DateTimeString formatCode="304">20260131120000Z</DateTimeString></At>')
    assert not valid(compiled, "<At><DateTimeString>20260131</DateTimeString></At>")


def test_a_schema_without_a_namespace(tmp_path: Path) -> None:
    """A partner's own format may have none, and letters of any script."""
    table = tmp_path / "own.csv"
    text = HEAD.replace("# namespace: urn:test:1\n# prefix: t\n", "").replace("# root: T", "# root: Сұрау")
    table.write_text(text.replace("\nT,", "\nСұрау,") + "Сұрау/Нөмірі,1,1,token,,,,an..5,,,\n", encoding="utf-8")
    build([table])
    compiled = etree.XMLSchema(etree.parse(tmp_path / "own.xsd"))
    assert compiled.validate(etree.fromstring("<Сұрау><Нөмірі>12345</Нөмірі></Сұрау>"))
    assert load_facts(table).facts["Сұрау/Нөмірі"].namespace == ""


def test_an_element_like_another_tables_is_that_tables_element(tmp_path: Path) -> None:
    """The XSD refers to the other table's file; the facts have all below it."""
    other = HEAD.replace("urn:test:1", "urn:test:other:1").replace("# ns o=urn:test:other:1\n", "")
    (tmp_path / "other.csv").write_text(other + "T/ID,1,1,id,,,,an..3,,,\n", encoding="utf-8")
    compiled = schema(tmp_path, "T/o:T,1,1,like:other.csv,,,,,,,\n", "main")
    assert valid(compiled, "<o:T><o:ID>abc</o:ID></o:T>")
    assert not valid(compiled, "<o:T><o:ID>abcd</o:ID></o:T>")
    assert "T/T/ID" in load_facts(tmp_path / "main.xsd").facts
    (tmp_path / "other.csv").unlink()
    with pytest.raises(ConfigurationError):
        xsds_of(tmp_path / "main.csv")


def test_two_versions_live_side_by_side(tmp_path: Path) -> None:
    """The file name carries the version; the newer one may take what the older refuses."""
    old = schema(tmp_path, "T/A,1,1,token,,,,an..3,,,\n", "t-1")
    new = schema(tmp_path, "T/A,1,1,token,,,,an..5,,,\n", "t-2")
    assert (valid(old, "<A>abcd</A>"), valid(new, "<A>abcd</A>")) == (False, True)


def test_annotations_carry_the_wco_words(tmp_path: Path) -> None:
    """Id, name, UN/EDIFACT number, format and code list stand at the element; the status at the schema."""
    schema(tmp_path, 'T/ID,1,1,id,D014,"Document reference, number",1004,an..70,EDIFACT <1225>,,a remark\n')
    text = (tmp_path / "t.xsd").read_text(encoding="utf-8")
    assert "<WCOID>D014</WCOID><WCOName>Document reference, number</WCOName><TDEDUID>1004</TDEDUID>" in text
    assert "<WCOCodeRemarks>EDIFACT &lt;1225&gt;</WCOCodeRemarks>" in text
    assert "profile, not official" in text
    assert "a remark" not in text
    fact = facts_from_xsd((tmp_path / "t.xsd").read_bytes(), "T").facts["T/ID"]
    assert (fact.wco_id, fact.wco_name, fact.format) == ("D014", "Document reference, number", "an..70")


def test_build_and_check_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Drift is said with exit code 1; a second build touches nothing; a left-over is removed."""
    (tmp_path / "t.csv").write_text(HEAD + "T/o:A,1,1,class,,,,,,,\n", encoding="utf-8")
    assert main(["check", str(tmp_path)]) == 1
    assert main(["build", str(tmp_path)]) == 0
    assert main(["check", str(tmp_path)]) == 0
    capsys.readouterr()
    assert build([tmp_path]) == []
    (tmp_path / "t.csv").write_text(HEAD + "T/A,1,1,string,,,,,,,\n", encoding="utf-8")
    assert [path.name for path in check([tmp_path])] == ["t.xsd", "t-o.xsd"]
    assert main(["build", str(tmp_path)]) == 0
    assert [path.name for path in tmp_path.glob("*.xsd")] == ["t.xsd"]
    assert main([]) == 2


def test_a_table_with_problems_is_said_with_file_and_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is written."""
    (tmp_path / "t.csv").write_text(HEAD + "T/A,1,1,strang,,,,,,,\n", encoding="utf-8")
    assert main(["build", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "facts.type" in said
    assert "line 13" in said
    assert "t.csv" in said
    assert list(tmp_path.glob("*.xsd")) == []


def test_the_same_global_element_twice_is_refused(tmp_path: Path) -> None:
    """Two foreign elements of one name would need two meanings in one file."""
    rows = "T/A,1,1,class,,,,,,,\nT/A/o:P,1,1,string,,,,,,,\nT/B,1,1,class,,,,,,,\nT/B/o:P,1,1,date,,,,,,,\n"
    (tmp_path / "t.csv").write_text(HEAD + rows, encoding="utf-8")
    with pytest.raises(ConfigurationError) as refusal:
        xsds_of(tmp_path / "t.csv")
    assert refusal.value.findings[0].rule == "facts.global"


def test_facts_of_the_wco_response_reach_into_both_declarations() -> None:
    """The second Declaration of a response is the lodged one, in its own namespace."""
    facts = load_facts(XSD / "wco" / "response.xsd").facts
    assert facts["MetaData/Response/Declaration/ID"].namespace == "urn:wco:datamodel:WCO:RES-DMS:2"
    assert facts["MetaData/Response/dec:Declaration/ID"].namespace == "urn:wco:datamodel:WCO:DEC-DMS:2"
    assert read_facts((XSD / "wco" / "declaration.csv").read_text(encoding="utf-8")).facts["MetaData"].min == 1
