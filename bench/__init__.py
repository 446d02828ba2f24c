"""Load generator and workloads: what Warbler does on this machine, as figures with their spread (`python -m bench --help`)."""
