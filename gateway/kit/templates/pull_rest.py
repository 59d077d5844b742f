"""Fetch every message that waits for us: check it, store it in inbox/, then acknowledge it.

python pull_rest.py               until nothing waits
python pull_rest.py --wait 30     and wait up to 30 seconds for the first one
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

import requests

from gateway_rest import GatewayRest, NotProven

HERE = Path(__file__).resolve().parent


def main() -> int:
    """0 = the inbox is empty now, 1 = refused, 2 = an answer proves nothing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wait", type=int, default=0)
    wait = parser.parse_args().wait
    gateway = GatewayRest.from_kit(str(HERE / "kit.json"))
    (HERE / "inbox").mkdir(exist_ok=True)
    try:
        while (message := gateway.pull(wait)) is not None:
            print(_stored(message))
            gateway.acknowledge(message)
    except requests.HTTPError as refusal:
        print(f"refused: {refusal}")
        return 1
    except NotProven as problem:
        print(f"not proven: {problem}")
        return 2
    print("nothing more waits")
    return 0


def _stored(message: requests.Response) -> str:
    """A message id is not a file name: the file is called after its digest."""
    name = hashlib.sha256(message.headers["gw-message-id"].encode()).hexdigest()[:32]
    file = HERE / "inbox" / f"{name}.{'json' if message.content.startswith(b'{') else 'xml'}"
    file.write_bytes(message.content)
    action, related = message.headers["gw-action"], message.headers.get("gw-relates-to", "nothing")
    return f"{action} {message.headers['gw-message-id']} relates to {related}: {file.name}"


if __name__ == "__main__":
    sys.exit(main())
