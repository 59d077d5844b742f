"""Send one message by REST, keep the signed receipt and say what became of the message.

python send_rest.py                                   the first sample
python send_rest.py samples/AEO_MASTER_DELTA.xml      another one; the file is called after its message name
python send_rest.py FILE --action NAME --receiver ID --conversation ID --message-id ID --relates-to ID --wait SECONDS
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import requests

from gateway_rest import GatewayRest, NotProven

HERE = Path(__file__).resolve().parent


def main() -> int:
    """0 = accepted and proven, 1 = refused, 2 = the answer proves nothing."""
    said = _arguments()
    file = said.file or min((HERE / "samples").iterdir())
    gateway = GatewayRest.from_kit(str(HERE / "kit.json"))
    try:
        answer = gateway.send(
            file.read_bytes(), said.action or file.stem, message_id=said.message_id, receiver=said.receiver,
            conversation_id=said.conversation, relates_to=said.relates_to,
        )  # fmt: skip
        status = gateway.status(answer.headers["location"], said.wait)
    except requests.HTTPError as refusal:
        print(f"refused: {refusal}")
        return 1
    except NotProven as problem:
        print(f"not proven: {problem}")
        return 2
    kept = HERE / "receipts" / f"{status['id']}.{'json' if answer.content.startswith(b'{') else 'xml'}"
    kept.parent.mkdir(exist_ok=True)
    kept.write_bytes(answer.content)
    for name in ("signature-input", "signature"):
        kept.with_suffix(f".{name}").write_text(answer.headers[name] + "\n", "ascii")
    print(f"accepted {status['messageId']} as {status['id']}; receipt kept in {kept.name}; now {status['state']}")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", type=Path)
    for name in ("action", "receiver", "conversation", "message-id", "relates-to"):
        parser.add_argument(f"--{name}", default="")
    parser.add_argument("--wait", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
