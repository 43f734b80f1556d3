# Runs `deno task run [OPTION...] FILE [ARGUMENT...]`, with the options of `deno run` before FILE.
# A Python file goes to run_python.ts. `exec` leaves no shell between the task and the script, which
# would hide signals and the exit status.
root=${0%/scripts/run.sh}

# The task's own program, which need not be on PATH. Without /proc, as on macOS, it has to be.
deno=$(readlink "/proc/$PPID/exe" 2>/dev/null) || deno=deno

options=0
file=
for it; do
  case $it in
    -*) options=$((options + 1)) ;;
    *) file=$it && break ;;
  esac
done

case $file in
  "")
    # Deno would list the tasks, and ask for one.
    echo "snakeden: Cannot run a script: none is named; allowed: deno task run FILE [ARGUMENT...]" >&2
    exit 2
    ;;
  *.py)
    # Puts the program before the file, by moving each argument from the front to the end.
    i=0
    count=$#
    while [ "$i" -lt "$count" ]; do
      first=$1
      shift
      [ "$i" -eq "$options" ] && set -- "$@" "$root/scripts/run_python.ts"
      set -- "$@" "$first"
      i=$((i + 1))
    done
    ;;
esac
exec "$deno" run "$@"
