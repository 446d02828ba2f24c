#!/usr/bin/env bash
# Follows the CloudEvents of Warbler with kcat, which needs no schemas: attributes in headers, JSON as the value. Ctrl-C ends it.
# usage: cloudevents.sh CLIENT_CONF [more of kcat's options, as -e to end with the last event that is there]
set -euo pipefail
conf=$1
exec kcat -q -F "$conf" -C -t cloudevents -o beginning -f '%h\t%s\n' "${@:2}"
