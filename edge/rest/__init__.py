"""The REST face: register, log in, create and list conversations, history, members. FastAPI, with its OpenAPI page at /docs."""
