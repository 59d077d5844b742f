"""Translates one XML document into another by a table of rules: read, checked and compiled once, run per message."""

from gateway.mapping.codes import CodeList, read_codes
from gateway.mapping.losses import Loss, losses
from gateway.mapping.provenance import Trace, explain
from gateway.mapping.reverse import Lost, Reversal, reverse
from gateway.mapping.run import translate
from gateway.mapping.table import MapTable, Rule, read_table
from gateway.mapping.translation import Translation, compile_table

__all__ = [
    "CodeList",
    "Loss",
    "Lost",
    "MapTable",
    "Reversal",
    "Rule",
    "Trace",
    "Translation",
    "compile_table",
    "explain",
    "losses",
    "read_codes",
    "read_table",
    "reverse",
    "translate",
]
