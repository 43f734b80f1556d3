#!/bin/sh
# Profiles a CSV file by a job, with nothing but curl: submits it, follows its progress, and prints
# the result. The server may die meanwhile; the script goes on when it is back.
# Start the server first: deno task serve
#
#     sh examples/csv_report/report.sh FILE.csv [URL]
set -eu
[ $# -ge 1 ] || { echo "usage: sh examples/csv_report/report.sh FILE.csv [URL]" >&2; exit 2; }
path=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
url=${2:-http://127.0.0.1:8000}

# With the key, a submission whose answer was lost can be repeated, and is still one job.
job=$(
  curl --silent --show-error --fail-with-body --retry 9 --retry-all-errors "$url/v1/jobs" \
    -H 'content-type: application/json' -H "idempotency-key: report-$$-$(date +%s)" \
    -d "{\"tool\":\"profile_csv\",\"args\":{\"path\":\"$path\"}}" |
    sed 's/^{"id":"\([^"]*\)".*/\1/'
)
echo "job $job" >&2

# The events end with the job, or with the server: then the status is 1.
follow() {
  curl --silent --no-buffer "$url/v1/jobs/$job/events" | {
    event=
    while IFS= read -r line; do
      case $line in
        "event: "*) event=${line#event: } ;;
        "data: "*)
          [ "$event" != progress ] || echo "${line#data: }" >&2
          [ "$event" != end ] || exit 0
          ;;
      esac
    done
    exit 1
  }
}
until follow; do sleep 1; done

curl --silent --show-error --fail-with-body "$url/v1/jobs/$job/result"
