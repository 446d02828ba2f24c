"""`python -m audit verify PATH --key KEY`: what an auditor runs. Needs this package, `schemas`, and cryptography; no server, no network."""

import sys

from audit.command import run

if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
