#!/usr/bin/env bash
# Reads one day (UTC) of a topic of Warbler with kcat: time, partition, key, and the name of the schema that each record was written with.
# usage: consumer.sh CLIENT_CONF REGISTRY_URL TOPIC DAY      needs: kcat, curl
set -euo pipefail
conf=$1 registry=$2 topic=$3 day=$4
begin=$(date -u -d "$day" +%s)000
end=$(date -u -d "$day + 1 day" +%s)000
declare -A name
# The first five bytes of a value are 0 and the schema's id; kcat's `>bI` prints both without a gap, and leaves the Avro behind them alone.
kcat -q -F "$conf" -C -t "$topic" -o "s@$begin" -o "e@$end" -e -Z -s 'value=>bI' -f '%T\t%p\t%k\t%s\n' |
  while IFS=$'\t' read -r at partition key header; do
    [ "$key" != NULL ] || continue # writer_changed: nothing to a reader
    id=${header#0}
    if [ -z "${name[$id]:-}" ]; then
      name[$id]=$(curl -fsS "$registry/schemas/ids/$id/versions" | sed 's/.*"subject": *"\([^"]*\)".*/\1/')
    fi
    printf '%s\t%s\t%s\t%s\n' "$at" "$partition" "$key" "${name[$id]#"$topic"-warbler.}"
  done
