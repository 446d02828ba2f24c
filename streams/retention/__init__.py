"""The role `retention`: what is older than its rule is taken out of what devices read."""
