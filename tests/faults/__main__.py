"""`python -m tests.faults`: see `scripts/faults --help`."""

from tests.faults.cli import main

if __name__ == "__main__":
    main()
