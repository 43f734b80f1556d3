#!/bin/sh
# Cleans a CSV file with nothing but curl: sends it, calls the tool, and fetches the clean one.
# Start the server first:
# SNAKEDEN_CONFIG=examples/clean_csv/snakeden.config.json deno task serve
#
#     sh examples/clean_csv/clean.sh FILE.csv [URL] > clean.csv
set -eu
[ $# -ge 1 ] || { echo "usage: sh examples/clean_csv/clean.sh FILE.csv [URL]" >&2; exit 2; }
url=${2:-http://127.0.0.1:8000}

send() { curl --silent --show-error --fail-with-body "$@"; }
# Prints the first id of an answer.
id_in() { sed 's/.*"'"$1"'":"\([^"]*\)".*/\1/'; }

file=$(send -T "$1" "$url/v1/files?name=table.csv" | id_in id)
answer=$(send "$url/v1/execute" -H 'content-type: application/json' \
  -d '{"tool":"clean_csv","args":{"table":{"$file":"'"$file"'"}}}')
echo "$answer" >&2
send "$url/v1/files/$(echo "$answer" | id_in '$file')/content"
