"""A client of HTTP/2 for many small requests to one vendor: pure frames, fields and connection; `client` holds the sockets."""
