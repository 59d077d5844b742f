"""Makes of a plan the source of one Python module that writes it: straight code, no call for an ordinary value.

The code keeps no findings. Where there is one to keep it ends the run with Again (or with the ValueError of a
converter), and the careful way says it in full. Nothing of a table stands in the code but as a quoted text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from gateway.mapping.canonical import escaped, escaped_attribute
from gateway.mapping.change import COLLAPSE, PlainStep
from gateway.mapping.converters import collapsed
from gateway.mapping.emit import attributes_of, value_of
from gateway.mapping.outcome import Frame, Run
from gateway.mapping.plan import Attribute, Box, Child, Group, Groups, Leaf, Pick, Plan
from gateway.mapping.source import frames_in, out_of

Write = Callable[[Frame, list[str], Run], None]
_DEEPEST: Final = 12
"""Containers inside one another that are written by one function."""


def generated(document: Child, *, plain: bool, items: Group | None = None) -> Write:
    """The function that writes a document; `plain`: no text of the source needs escaping.

    `items` is a group whose elements are written already: their texts stand in the list of their frames.
    """
    code = _Code(plain, items)
    source = code.module(document)
    exec(compile(source, "<mapping table>", "exec"), code.names)  # noqa: S102
    write: Write = code.names["document"]
    return write


class _Code:
    """The lines of the module, and the objects it names."""

    def __init__(self, plain: bool, items: Group | None) -> None:
        self._plain = plain
        self._items = items
        self.names: dict[str, Any] = {
            "e": escaped, "q": escaped_attribute, "collapsed": collapsed, "frames_in": frames_in, "out_of": out_of,
        }  # fmt: skip
        self._functions: list[str] = []
        self._count = 0

    def module(self, document: Child) -> str:
        """The whole source."""
        inner = self._function(document.plan)
        empty = " if not out:\n  run.carefully()\n" if document.gap is not None else ""
        self._functions.append(f"def document(f, out, run):\n {inner}(f, out, out.append, run)\n{empty}")
        return "\n".join(self._functions)

    def _named(self, thing: object, prefix: str) -> str:
        self._count += 1
        name = f"{prefix}{self._count}"
        self.names[name] = thing
        return name

    def _function(self, plan: Plan) -> str:
        self._count += 1
        name = f"w{self._count}"
        lines = self._plan(plan, "", _DEEPEST)
        self._functions.append(f"def {name}(f, out, a, run):\n" + "".join(f" {line}\n" for line in lines))
        return name

    def _plan(self, plan: Plan, missing: str, deep: int) -> list[str]:
        """The lines that write a plan; `missing` is what to do when nothing is written, empty for nothing."""
        if isinstance(plan, Leaf):
            return self._leaf(plan, missing)
        if isinstance(plan, Groups):
            return self._groups(plan, missing)
        if deep:
            return self._box(plan, missing, deep - 1)
        call = f"{self._function(plan)}(f, out, a, run)"
        return ["n = len(out)", call, "if len(out) == n:", f" {missing}"] if missing else [call]

    # --- containers ---------------------------------------------------------------------------------------------------
    def _box(self, box: Box, missing: str, deep: int) -> list[str]:
        self._count += 1
        mark, gap, own = f"m{self._count}", f"g{self._count}", f"o{self._count}"
        attributes = attributes_of(box.attributes)
        head = [f"a({_quoted(f'{box.start}>')})"]
        if attributes is not None:
            head = [f"{own} = {self._named(attributes, 'x')}(f, run)", f"a(f{_quoted(box.start, f'{{{own}}}', '>')})"]
        lines = [*head, f"{mark} = len(out)"]
        needs = any(child.gap for child in box.children)
        lines += [f"{gap} = False"] if needs else []
        for child in box.children:
            lines += self._plan(child.plan, f"{gap} = True" if child.gap else "", deep)
        empty = f"len(out) == {mark}" + (f" and not {own}" if attributes is not None else "")
        lines += [f"if {empty}:", " out.pop()", *([f" {missing}"] if missing else []), "else:"]
        lines += [f" if {gap}:", "  run.carefully()"] if needs else []
        return [*lines, f" a({_quoted(box.end)})"]

    def _groups(self, plan: Groups, missing: str) -> list[str]:
        lines = [line for group in plan.groups if isinstance(group, Group) for line in self._group(group)]
        if not missing:
            return lines
        self._count += 1
        return [f"n{self._count} = len(out)", *lines, f"if len(out) == n{self._count}:", f" {missing}"]

    def _group(self, group: Group) -> list[str]:
        loop = self._loop(group)
        return ["n = len(out)", *loop, "if len(out) == n:", " run.carefully()"] if group.gap else loop

    def _loop(self, group: Group) -> list[str]:
        if group is self._items:
            return [f"x = f[{group.inward[0]}]", *_if("x", ["out.extend(x)"], [])]
        inner = self._function(group.inner)
        body = [f"{inner}(i, out, a, run)"]
        if group.holds is not None:
            body = _if(f"{self._named(group.holds, 'h')}(i, run)", body, [])
        if not group.outward and len(group.inward) == 1:
            return [f"x = f[{group.inward[0]}]", *_if("x", ["run.spend(len(x))", *_for("x", body)], [])]
        return _for(f"frames_in(out_of(f, {group.outward}), {group.inward!r}, run)", body)

    # --- leaves -------------------------------------------------------------------------------------------------------
    def _leaf(self, leaf: Leaf, missing: str) -> list[str]:
        row = leaf.pick.rows[0] if len(leaf.pick.rows) == 1 else None
        if row is not None and row.holds is None and row.rule.constant is not None and not leaf.attributes:
            return [f"a({_quoted(f'{leaf.start}>{escaped(row.rule.constant)}{leaf.end}')})"]
        read, last, missing = self._text(leaf.pick, missing)
        text, tests = self._changed(leaf.pick, last)
        write = self._with_attributes(leaf, text)
        if missing:
            return [*read, *(line for test in tests for line in _if("t", [test], [])), *_if("t", write, [missing])]
        for test in reversed(tests):
            write = [test, *_if("t", write, [])]
        return [*read, *_if("t", write, [])]

    def _text(self, pick: Pick, missing: str) -> tuple[list[str], bool, str]:
        """How `t` is read, whether it is a slot as it stands, and what to do without it."""
        if pick.direct is None:
            return [f"t = {self._named(value_of(pick), 'p')}(f, run)"], False, missing
        return [f"t = f[{pick.direct.slot}]"], True, "run.carefully()" if pick.gap else missing

    def _changed(self, pick: Pick, slot: bool) -> tuple[str, list[str]]:
        """The expression of the text to write, and the changes of `t` before that."""
        changes = list(pick.direct.changes) if pick.direct is not None else []
        tame = slot and self._plain and all(change.tame for change in changes)
        steps = [f"t = {self._change(change)}" for change in changes]
        return "t" if tame else "t if t.isalnum() else e(t)", steps

    def _change(self, change: PlainStep) -> str:
        if change is COLLAPSE:
            return "t if t.isalnum() else collapsed(t)"
        if change.cut is not None:
            return f"t[{change.cut[0]}:{change.cut[1]}]"
        return f"{self._named(change.function, 'c')}(t)"

    # --- attributes ---------------------------------------------------------------------------------------------------
    def _with_attributes(self, leaf: Leaf, text: str) -> list[str]:
        bare = f"a(f{_quoted(f'{leaf.start}>', f'{{{text}}}', leaf.end)})"
        if not leaf.attributes:
            return [bare]
        only = leaf.attributes[0]
        if len(leaf.attributes) == 1 and _slot_alone(only):
            direct = only.pick.direct
            value = "{u if u.isalnum() else q(u)}"
            full = f"a(f{_quoted(f'{leaf.start}{only.head}', value, chr(34) + '>', f'{{{text}}}', leaf.end)})"
            return [f"u = f[{direct.slot if direct else 0}]", *_if("u", [full], [bare])]
        own = f"{self._named(attributes_of(leaf.attributes), 'x')}(f, run)"
        return [f"o = {own}", f"a(f{_quoted(leaf.start, '{o}', '>', f'{{{text}}}', leaf.end)})"]


def _slot_alone(attribute: Attribute) -> bool:
    direct = attribute.pick.direct
    unchanged = direct is not None and not [change for change in direct.changes if change is not COLLAPSE]
    return unchanged and attribute.gap is None and attribute.pick.gap is None


def _quoted(*parts: str) -> str:
    """The parts as one Python literal; those that begin with a brace are expressions of an f-string."""
    if len(parts) == 1:
        return repr(parts[0])
    return repr("".join(part if part.startswith("{") else part.replace("{", "{{").replace("}", "}}") for part in parts))


def _if(test: str, yes: list[str], no: list[str]) -> list[str]:
    otherwise = ["else:", *(f" {line}" for line in no)] if no else []
    return [f"if {test}:", *(f" {line}" for line in yes), *otherwise]


def _for(over: str, body: list[str]) -> list[str]:
    return [f"for i in {over}:", *(f" {line}" for line in body)]
