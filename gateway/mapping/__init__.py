"""Translates one XML document into another by a table of rules: read, checked and compiled once, run per message."""

from gateway.mapping.account import Account, account
from gateway.mapping.back import WayBack, way_back
from gateway.mapping.codes import CodeList, read_codes
from gateway.mapping.losses import Loss, losses, losses_of
from gateway.mapping.provenance import Trace, explain
from gateway.mapping.reverse import Lost, Reversal, reverse
from gateway.mapping.run import translate
from gateway.mapping.stream import Streamed, translate_stream
from gateway.mapping.streamable import Streamable, streamable
from gateway.mapping.stylesheet import NotApplied, OutOfBounds, compile_stylesheet, read_stylesheet
from gateway.mapping.table import MapTable, Rule, read_table
from gateway.mapping.translation import Translation, compile_table
from gateway.mapping.unfit import unfit

__all__ = [
    "Account",
    "CodeList",
    "Loss",
    "Lost",
    "MapTable",
    "NotApplied",
    "OutOfBounds",
    "Reversal",
    "Rule",
    "Streamable",
    "Streamed",
    "Trace",
    "Translation",
    "WayBack",
    "account",
    "compile_stylesheet",
    "compile_table",
    "explain",
    "losses",
    "losses_of",
    "read_codes",
    "read_stylesheet",
    "read_table",
    "reverse",
    "streamable",
    "translate",
    "translate_stream",
    "unfit",
    "way_back",
]
