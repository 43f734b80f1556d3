import { WORKER_ENV } from "../environment_names.ts";

const MARK = WORKER_ENV.runId;
const MARK_IN_PROC = new RegExp(String.raw`^/proc/(\d+)/environ:${MARK}=(\w+)$`);
const MARK_IN_PS = new RegExp(String.raw`\s${MARK}=([0-9a-f]{32})(?:\s|$)`);

/** A process, as the system reports it. */
export interface ProcessInfo {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  /** Identifies the process for good, together with the pid. */
  readonly startTime: string;
  /** The run that the process belongs to, by the mark in its environment. */
  readonly runId: string | undefined;
}

/** The processes of this machine. */
export interface ProcessTable {
  /** Returns every visible process except zombies, by pid. */
  all(signal: AbortSignal): Promise<ReadonlyMap<number, ProcessInfo>>;
  /** Returns the start times of these processes, by pid, without those that are gone. */
  startTimes(pids: readonly number[], signal: AbortSignal): Promise<ReadonlyMap<number, string>>;
}

/** Returns the table for the operating system of this host. */
export function systemProcessTable(): ProcessTable {
  return Deno.build.os === "linux" ? new ProcTable() : new PsTable("-E");
}

/**
 * Reads /proc through `grep`. Deno opens /proc only to programs with all permissions, but a program
 * that Deno runs may read it. `grep -H` puts the file name before each line, so that a process
 * cannot pass for another one by its name.
 */
export class ProcTable implements ProcessTable {
  #bootId: Promise<string> | undefined;

  async all(signal: AbortSignal): Promise<ReadonlyMap<number, ProcessInfo>> {
    // Reads the environment between two reads of the start time, which differ if the pid was reused
    // meanwhile.
    const bootId = await this.#readBootId(signal);
    const stats = 'grep -aHs "" /proc/[0-9]*/stat';
    const marks = `grep -zaHosE "^${MARK}=[0-9a-f]{32}$" /proc/[0-9]*/environ`;
    const script = `${stats}; printf "\\0-\\0"; ${marks}; printf "\\0-\\0"; ${stats}`;
    const [before = "", environ = "", after = ""] = (await outputOf("sh", ["-c", script], signal))
      .split("\0-\0");
    const runs = new Map(
      environ.split("\0").flatMap((line): [number, string][] => {
        const [, pid, runId] = MARK_IN_PROC.exec(line) ?? [];
        return pid === undefined || runId === undefined ? [] : [[Number(pid), runId]];
      }),
    );
    const first = parseStats(before, bootId);
    return new Map([...parseStats(after, bootId)].map(([pid, process]) => {
      const same = first.get(pid)?.startTime === process.startTime;
      return [pid, { ...process, runId: same ? runs.get(pid) : undefined }];
    }));
  }

  async startTimes(
    pids: readonly number[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<number, string>> {
    if (pids.length === 0) return new Map();
    const bootId = await this.#readBootId(signal);
    const paths = pids.map((pid) => `/proc/${pid}/stat`);
    const stats = parseStats(await outputOf("grep", ["-aHs", "", ...paths], signal), bootId);
    return new Map([...stats].map(([pid, { startTime }]) => [pid, startTime]));
  }

  /**
   * Returns the id of this boot. Start times count from the boot, so they identify nothing without
   * it.
   */
  #readBootId(signal: AbortSignal): Promise<string> {
    const path = "/proc/sys/kernel/random/boot_id";
    this.#bootId ??= outputOf("grep", ["", path], signal).then((text) => text.trim());
    this.#bootId.catch(() => this.#bootId = undefined);
    return this.#bootId;
  }
}

/** Parses lines `/proc/PID/stat:...`, whose fields proc_pid_stat(5) describes. */
function parseStats(text: string, bootId: string): Map<number, Omit<ProcessInfo, "runId">> {
  const files = new Map<number, string>();
  for (const line of text.split("\n")) {
    const [, pid, rest = ""] = /^\/proc\/(\d+)\/stat:(.*)$/.exec(line) ?? [];
    if (pid === undefined) continue;
    // A process name may contain a line feed. Then the file has two lines.
    files.set(Number(pid), `${files.get(Number(pid)) ?? ""}${rest}`);
  }
  return new Map([...files].flatMap(([pid, stat]) => {
    // The name in parentheses may contain anything, so the other fields are looked for after the
    // last ")".
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [state, parent, group] = fields;
    const ticks = fields[19];
    if (ticks === undefined || state === "Z" || state === "X") return [];
    const startTime = `${bootId}/${ticks}`;
    return [[pid, { pid, parent: Number(parent), group: Number(group), startTime }]];
  }));
}

/**
 * Runs `ps`, for systems without /proc. `ps` prints the environment after the arguments, so a
 * process with the mark among its arguments counts as one with the mark in its environment.
 */
export class PsTable implements ProcessTable {
  readonly #withEnvironment: string;

  /**
   * @param withEnvironment The option that makes ps print the environment: `-E` on macOS, `e` on
   * Linux.
   */
  constructor(withEnvironment: string) {
    this.#withEnvironment = withEnvironment;
  }

  async all(signal: AbortSignal): Promise<ReadonlyMap<number, ProcessInfo>> {
    const columns = "pid=,ppid=,pgid=,stat=,lstart=,command=";
    const args = [this.#withEnvironment, "-A", "-ww", "-o", columns];
    const processes = (await outputOf("ps", args, signal)).split("\n").flatMap((line) => {
      const found = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+((?:\S+\s+){4}\S+)\s?(.*)$/.exec(line);
      if (found === null) return [];
      const [, pid, parent, group, state = "", startTime = "", command = ""] = found;
      if (state.startsWith("Z")) return [];
      const [, runId] = MARK_IN_PS.exec(command) ?? [];
      return [{
        pid: Number(pid),
        parent: Number(parent),
        group: Number(group),
        startTime: startTime.replaceAll(/\s+/g, " "),
        runId,
      }];
    });
    return new Map(processes.map((it) => [it.pid, it]));
  }

  async startTimes(
    pids: readonly number[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<number, string>> {
    if (pids.length === 0) return new Map();
    const args = ["-o", "pid=,stat=,lstart=", "-p", pids.join(",")];
    const lines = (await outputOf("ps", args, signal)).split("\n").flatMap((line) => {
      const [, pid, state = "", time = ""] = /^\s*(\d+)\s+(\S+)\s+(.+?)\s*$/.exec(line) ?? [];
      if (pid === undefined || state.startsWith("Z")) return [];
      return [[Number(pid), time.replaceAll(/\s+/g, " ")] as const];
    });
    return new Map(lines);
  }
}

/**
 * Returns the output of a program, whatever its status. The program does not inherit the
 * environment of the host, which could contain the mark of a run.
 */
async function outputOf(
  program: string,
  args: readonly string[],
  signal: AbortSignal,
): Promise<string> {
  signal.throwIfAborted();
  const child = new Deno.Command(program, {
    args: [...args],
    env: { PATH: Deno.env.get("PATH") ?? "", LC_ALL: "C" },
    clearEnv: true,
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const output = child.output();
  const aborted = Promise.withResolvers<void>();
  const onAbort = (): void => aborted.resolve();
  signal.addEventListener("abort", onAbort, { once: true });
  await Promise.race([output.catch(() => {}), aborted.promise]);
  signal.removeEventListener("abort", onAbort);
  if (signal.aborted) {
    // The program may hang in the kernel, so nobody waits for its end.
    try {
      child.kill("SIGKILL");
    } catch {
      // The program has already ended.
    }
    signal.throwIfAborted();
  }
  return new TextDecoder().decode((await output).stdout);
}
