"""Sends events through Devo's own SDK, and prints the numbers of those that it took."""

import json
import sys
import time

from devo.sender import Sender, SenderConfigSSL

address, port, certs, count, size = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
config = SenderConfigSSL(
    address=(address, port),
    key=f"{certs}/client.key",
    cert=f"{certs}/client.crt",
    chain=f"{certs}/chain.crt",
)
sender = Sender(config, timeout=2)
taken = []
for number in range(count):
    try:
        if sender.send(tag="my.app.faults.sdk", msg=f"{number} ".ljust(size, "x")) == 1:
            taken.append(number)
    except Exception as error:  # The caller is told of this one event, and goes on.
        print(f"{number}: {error}", file=sys.stderr)
    if number % 20 == 0:
        time.sleep(0.008)
try:
    sender.close()
except Exception as error:
    print(f"close: {error}", file=sys.stderr)
print(json.dumps(taken))
