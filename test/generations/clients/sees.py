"""Prints, of each sandbox, what this SDK sees: python sees.py ENDPOINT NAME..."""

import json
import sys

from openshell import SandboxClient

endpoint, *names = sys.argv[1:]
with SandboxClient(endpoint) as client:
    boxes = [client.get(name, workspace="default") for name in names]
    print(json.dumps([{"id": box.id, "phase": box.phase, "labels": dict(box.labels)} for box in boxes]))
