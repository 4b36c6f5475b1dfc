"""Counts what each of some journals holds, by the admission rule as it is restated here, and compares with what is said of it.

    run counts.py BROKERS    lines of JSON on standard input: {"topic": …, "entries": …, "claims": …, "void": …}
"""

import json
import sys

import journal


class Counting(journal.Gate):
    """The gate, and what has passed it."""

    def __init__(self):
        super().__init__()
        self.claims = self.void = 0

    def take(self, header, value):
        term = self.term
        if not self.admits(header, value):
            if self.term > term:
                self.claims += 1
            else:
                self.void += 1


def counted(brokers, topic):
    found = {"topic": topic, "entries": 0, "claims": 0, "void": 0}
    for log in journal.read_topic(brokers, topic).values():
        gate = Counting()
        for _, headers, value in log:
            gate.take(headers["gate"], value)
        found["entries"] += gate.number
        found["claims"] += gate.claims
        found["void"] += gate.void
    return found


brokers, = sys.argv[1:]
wrong = total = 0
for line in sys.stdin:
    told = json.loads(line)
    total += 1
    try:
        found = counted(brokers, told["topic"])
    except journal.Broken as broken:
        found = str(broken)
    if found != told:
        wrong += 1
        print(f"outside: {told['topic']} was said to hold {told}, and holds {found}")
print(f"outside: {total} journals counted by other clients, {wrong} of them otherwise")
sys.exit(1 if wrong else 0)
