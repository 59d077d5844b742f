"""What libxml2 says about an invalid document, read into stable rules of ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

_HEAD: Final = re.compile(r"^Element '(?P<element>[^']*)'(?:, attribute '(?P<attribute>[^']*)')?: (?P<said>.*)$", re.S)
_QNAMES: Final = re.compile(r"(\{[^}]*\}[^\s,()]+|[^\s,(){}#]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """One entry of libxml2's validation log."""

    kind: str
    path: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A complaint understood: `expected` holds the QNames that could stand there, `attribute` a QName or nothing."""

    rule: str
    params: Mapping[str, str] = field(default_factory=dict)
    attribute: str = ""
    expected: tuple[str, ...] = ()


_RULES: Final = tuple(
    (rule, re.compile(said, re.S))
    for rule, said in (
        ("xsd.missing", r"Missing child element\(s\)\.(?: Expected is (?:one of )?\((?P<expected>.*)\)\.)?"),
        ("xsd.not-expected", r"This element is not expected\.(?: Expected is (?:one of )?\((?P<expected>.*)\)\.)?"),
        ("xsd.not-expected", r"No matching global (?:element )?declaration available.*"),
        ("xsd.length", r"\[facet '(?:max)?[lL]ength'\] .* allowed (?:maximum )?length of '(?P<max>[0-9]+)'\."),
        ("xsd.length", r"\[facet '(?:max)?[lL]ength'\] .*length of '(?P<max>[0-9]+)'\."),
        ("xsd.length", r"\[facet 'minLength'\] .* minimum length of '(?P<min>[0-9]+)'\."),
        ("xsd.pattern", r"\[facet 'pattern'\] The value '(?P<value>.*)' is not accepted.* pattern '(?P<pattern>.*)'\."),
        ("xsd.enumeration", r"\[facet 'enumeration'\] The value '(?P<value>.*)' is not .* set \{(?P<codes>.*)\}\."),
        ("xsd.decimal", r"\[facet 'totalDigits'\] The value '(?P<value>.*)' .*\('(?P<digits>[0-9]+)'\)\."),
        ("xsd.decimal", r"\[facet 'fractionDigits'\] The value '(?P<value>.*)' .*\('(?P<fraction>[0-9]+)'\)\."),
        ("xsd.value", r"\[facet 'min(?:In|Ex)clusive'\] The value '(?P<value>.*)' .*\('(?P<least>.*)'\)\."),
        ("xsd.value", r"\[facet 'max(?:In|Ex)clusive'\] The value '(?P<value>.*)' .*\('(?P<most>.*)'\)\."),
        ("xsd.type", r"'(?P<value>.*)' is not a valid value of the (?P<kind>.*)\."),
        ("xsd.attribute", r"The attribute '(?P<attribute>.*)' is (?P<wrong>not allowed|required but missing)\."),
        ("xsd.text", r"Character content.*"),
        ("xsd.children", r"Element content is not allowed.*"),
        ("xsd.nil", r"The element is not 'nillable'\.|.*nilled.*"),
        ("xsd.fixed", r"The (?:actual )?value '(?P<value>.*)' does not match the fixed .* '(?P<fixed>.*)'\."),
        ("xsd.unique", r"Duplicate key-sequence \[(?P<value>.*)\] in .*"),
        ("xsd.reference", r"No match found for key-sequence \[(?P<value>.*)\] of .*"),
    )
)  # fmt: skip


def read_complaint(complaint: Complaint) -> Reading:
    """The rule a complaint stands for; `xsd.other` with libxml2's own words for what we have no rule for."""
    head = _HEAD.match(complaint.message)
    if head is None:
        return Reading(rule="xsd.other", params={"message": complaint.message})
    for rule, pattern in _RULES:
        match = pattern.fullmatch(head["said"])
        if match is not None:
            return _reading(
                rule, {k: v for k, v in match.groupdict().items() if v is not None}, head["attribute"] or ""
            )
    return Reading(rule="xsd.other", params={"message": head["said"]}, attribute=head["attribute"] or "")


def _reading(rule: str, said: dict[str, str], attribute: str) -> Reading:
    expected = tuple(name for name in _QNAMES.findall(said.pop("expected", "")) if name != "...")
    if rule == "xsd.attribute":
        missing = said.pop("wrong") == "required but missing"
        named = said.pop("attribute")
        return Reading(rule="xsd.attribute-missing" if missing else rule, params={"attribute": named}, attribute=named)
    if "kind" in said:
        said["kind"] = re.split(r"[}\s]", said["kind"].rstrip("'"))[-1].strip("'")
    if "codes" in said:
        said["codes"] = ", ".join(re.findall(r"'([^']*)'", said["codes"]))
    return Reading(rule=rule, params=said, attribute=attribute, expected=expected)
