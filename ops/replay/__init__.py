"""`warbler replay`: what the log holds, once more, into lines, a topic or a webhook, without any side effect of ours."""
