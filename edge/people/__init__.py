"""People: accounts, sign-in, factors, profiles, tenant roles, API keys, policies. Pure modules decide, services perform."""
