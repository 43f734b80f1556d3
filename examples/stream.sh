#!/bin/sh
# Follows a call as it runs, with nothing but curl. Start the server first: deno task serve
#
#     sh examples/stream.sh FILE.csv [URL]
set -eu
[ $# -ge 1 ] || { echo "usage: sh examples/stream.sh FILE.csv [URL]" >&2; exit 2; }
path=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")

# Server-sent events; add -H 'accept: application/x-ndjson' for one JSON object a line.
curl --no-buffer --silent --show-error --fail-with-body "${2:-http://127.0.0.1:8000}/v1/stream" \
  -H 'content-type: application/json' \
  -d "{\"tool\":\"profile_csv\",\"args\":{\"path\":\"$path\"}}"
