"""The media engine that runs in a process of ours: an RTP-forwarding unit over aiortc's DTLS and SRTP, without transcoding."""
