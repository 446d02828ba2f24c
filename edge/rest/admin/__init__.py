"""The administrator's interface: who acts is a user with a tenant role, an API key, or the holder of the node's admin key.

Every route goes through `acting.Administrator.perform`: it decides, tells the log, and only then answers.
"""
