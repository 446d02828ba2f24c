"""For all tests: hypothesis measures no time, because the machines are shared (speed belongs in bench/)."""

from hypothesis import settings

settings.register_profile("warbler", deadline=None)
settings.load_profile("warbler")
