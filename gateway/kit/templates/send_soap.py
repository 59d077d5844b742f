"""Send one message by SOAP and keep the signed receipt.

python send_soap.py                                   the first sample
python send_soap.py samples/LPCO_QUERY.xml            another one; the file is called after its message name
python send_soap.py FILE --action NAME --receiver ID --conversation ID --message-id ID --relates-to ID
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import zeep
from lxml import etree

from gateway_zeep import GatewaySeal, NotProven, send_document

HERE = Path(__file__).resolve().parent


def main() -> int:
    """0 = accepted and proven, 1 = refused, 2 = the answer proves nothing."""
    said = _arguments()
    file = said.file or min((HERE / "samples").glob("*.xml"))
    seal = GatewaySeal.from_kit(str(HERE / "kit.json"))
    seal.message_id, seal.receiver = said.message_id, said.receiver
    seal.conversation_id, seal.relates_to = said.conversation, said.relates_to
    client = zeep.Client(str(HERE / "gateway.wsdl"), plugins=[seal])
    try:
        receipt = send_document(client, seal, said.action or file.stem, etree.parse(str(file)).getroot())
    except zeep.exceptions.Fault as fault:
        print(f"refused{'' if seal.proven else ' (not signed)'}: {fault.message}")
        if fault.detail is not None:
            print(etree.tostring(fault.detail, encoding="unicode", pretty_print=True))
        return 1
    except NotProven as problem:
        print(f"not proven: {problem}. Send again with --message-id {seal.sent_id}")
        return 2
    kept = HERE / "receipts" / f"{receipt.ReceiptID.rpartition(':')[2]}.xml"
    kept.parent.mkdir(exist_ok=True)
    kept.write_bytes(etree.tostring(seal.answer))
    print(f"{receipt.Decision} {seal.sent_id} at {receipt.ReceivedAt}; receipt {receipt.ReceiptID} kept in {kept.name}")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", type=Path)
    for name in ("action", "receiver", "conversation", "message-id", "relates-to"):
        parser.add_argument(f"--{name}", default="")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
