"""The schema registry: the Confluent API over our own subjects, which are read-only, and over those of consumers.

Imports schemas and log only. `python -m registry` runs it; `warbler up` and the compose file start it.
"""
