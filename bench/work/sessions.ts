import type { Bench, Subject } from "../bench.ts";
import {
  CONNECTION,
  type PythonCommand,
  type SessionsCommand,
  type VariablesCommand,
} from "../commands.ts";
import { type HttpServer, PAYLOAD } from "../contender.ts";
import { MeasuringProcess, startHttpLoad } from "../host_process.ts";
import { HOME } from "../installation.ts";
import type { Figures } from "../measure.ts";
import { pairs } from "../pairs.ts";
import { HTTP_SERVERS } from "../peers/http_servers.ts";
import type { SessionsHostOptions } from "../sessions/host.ts";
import { type Column, type Result, type Row, rowsOf, type Workload } from "../workload.ts";

const CALLERS = 64;
const CONNECTIONS = 32;
/** The names that each caller writes, one after the other. */
const NAMES = 1_000;
/** The variables that a tool uses in a call. */
const PYTHON_VARIABLES = 5_000;
const LIVE = 100_000;
const EXPIRED = 50_000;
/** The time that a slow disk has for all sessions. */
const LONG_MS = 900_000;

type Process = MeasuringProcess<SessionsCommand>;

/** Sessions and their variables: reads, writes, and what they cost calls. */
export const sessions: Workload = {
  name: "sessions",
  summary: "variables, calls with a session, 100,000 live sessions, the sweep of 50,000",
  contenders: ["snakeden"],
  async run(bench: Bench): Promise<Result[]> {
    const results: Result[] = [];
    for (const part of [variables, calls, live, sweep]) results.push(...await part(bench));
    return results;
  },
};

async function variables(bench: Bench): Promise<Result[]> {
  bench.say("sessions: variables");
  const pace = { durationMs: bench.pace.roundMs };
  const python = { do: "python", variables: PYTHON_VARIABLES, ...pace } as const;
  const commands: Readonly<Record<string, VariablesCommand | PythonCommand>> = {
    "read, 1 caller": { do: "read", callers: 1, ...pace },
    [`read, ${CALLERS} callers`]: { do: "read", callers: CALLERS, ...pace },
    "write, 1 caller": { do: "write", callers: 1, ...pace },
    [`write, ${CALLERS} callers`]: { do: "write", callers: CALLERS, ...pace },
    [`write, ${CALLERS} callers, ${NAMES} names each`]: {
      ...{ do: "write", callers: CALLERS, names: NAMES },
      ...pace,
    },
    [`compare and set, ${CALLERS} callers`]: { do: "compareAndSet", callers: CALLERS, ...pace },
    "Python: assign": { ...python, tool: "assign" },
    "Python: set_many": { ...python, tool: "set_many" },
    "Python: read_each": { ...python, tool: "read_each" },
    "Python: get_many": { ...python, tool: "get_many" },
  };
  await using process = await start(bench, { workers: 1 });
  const medians = await bench.interleave(
    Object.entries(commands).map(([name, command]): Subject => ({
      name,
      measure: ({ durationMs }) => process.run({ ...command, durationMs }),
    })),
  );
  return [{
    workload: "sessions",
    title: "Variables of sessions",
    about:
      "Each caller has a session. Reads are from memory; a write returns when it is durable. " +
      `Python: one worker uses ${PYTHON_VARIABLES.toLocaleString("en")} variables in a call; ` +
      "assign is `variables[name] = value`, read_each is `variables[name]`.",
    variants: "operation",
    columns: [
      { key: "perSecond", title: "variables/s", unit: "", better: "more", chart: true },
      { key: "p50Ms", title: "p50", unit: "ms", better: "less" },
      { key: "p99Ms", title: "p99", unit: "ms", better: "less" },
      { key: "hostMicrosPerCall", title: "Deno CPU each", unit: "µs", better: "less" },
    ],
    rows: [...medians].flatMap(([name, figures]) => {
      const perSecond = figures.perSecond ?? figures.callsPerSecond ?? NaN;
      return rowsOf(name, new Map([["snakeden", { ...figures, perSecond }]]));
    }),
  }];
}

const CALL_COLUMNS: readonly Column[] = [
  { key: "callsPerSecond", title: "calls/s", unit: "calls/s", better: "more", chart: true },
  { key: "p50Ms", title: "p50", unit: "ms", better: "less" },
  { key: "p99Ms", title: "p99", unit: "ms", better: "less" },
  { key: "hostMicrosPerCall", title: "Deno CPU a call", unit: "µs", better: "less" },
  { key: "costPercent", title: "cost", unit: "%", better: "less", isAbsolute: true },
];

/** Calls with a session beside calls without. */
async function calls(bench: Bench): Promise<Result[]> {
  const rows: Row[] = [];
  await using process = await start(bench, { workers: bench.workers });
  for (const callers of [1, CALLERS]) {
    const name = `${callers} ${callers === 1 ? "caller" : "callers"}`;
    bench.say(`sessions: ${name}`);
    const subjects = (["none", "own"] as const).map((sessions): Subject => ({
      name: sessions === "none" ? name : `${name}, with a session`,
      measure: ({ durationMs }) => process.run({ do: "calls", callers, sessions, durationMs }),
    }));
    rows.push(...await pairs(bench, subjects, callers));
  }
  rows.push(...await httpCalls(bench));
  return [{
    workload: "sessions",
    title: "Calls with a session",
    about: "Cost: the time that a call takes more than one without a session, as the median of " +
      "pairs of rounds.",
    variants: "calls",
    columns: CALL_COLUMNS,
    rows,
  }];
}

async function httpCalls(bench: Bench): Promise<Row[]> {
  const startServer = HTTP_SERVERS["snakeden-http"];
  if (startServer === undefined) throw new Error("there is no server");
  bench.say(`sessions: HTTP, ${CONNECTIONS} connections`);
  await using resources = new AsyncDisposableStack();
  const load = resources.use(await startHttpLoad());
  const server: HttpServer = resources.use(await startServer(bench));
  const bodies: Record<string, string> = {
    [`HTTP, ${CONNECTIONS} connections`]: server.body,
    [`HTTP, ${CONNECTIONS} connections, with a session`]: JSON.stringify({
      ...JSON.parse(server.body),
      sessionId: `bench-${CONNECTION}`,
    }),
  };
  const { port, path } = server;
  return await pairs(
    bench,
    Object.entries(bodies).map(([name, body]): Subject => ({
      name,
      measure: ({ durationMs }) =>
        load.run({
          ...{ do: "http", port, path, body, expected: PAYLOAD.value },
          ...{ connections: CONNECTIONS, durationMs },
        }),
    })),
    CONNECTIONS,
  );
}

/** Calls beside many live sessions, and what these cost. */
async function live(bench: Bench): Promise<Result[]> {
  const count = bench.pace.quick ? LIVE / 10 : LIVE;
  const many = `${count.toLocaleString("en")} live sessions`;
  await using resources = new AsyncDisposableStack();
  const options = { workers: bench.workers, maxSessions: 2 * count };
  const empty = resources.use(await start(bench, options));
  const full = resources.use(await start(bench, options));
  const { readyMs: emptyReadyMs = NaN } = await empty.run({ do: "restart" });
  bench.say(`sessions: opening ${count}`);
  const filled = await full.run({ do: "fill", sessions: count }, LONG_MS);
  const rows: Row[] = [];
  for (const callers of [1, CALLERS]) {
    const name = `${callers} ${callers === 1 ? "caller" : "callers"}`;
    bench.say(`sessions: ${name} beside ${count}`);
    const subject = (
      variant: string,
      host: Process,
      sessions: "none" | "own" | "all",
    ): Subject => ({
      name: `${name}, ${variant}`,
      measure: ({ durationMs }) => host.run({ do: "calls", callers, sessions, durationMs }),
    });
    rows.push(
      ...await pairs(bench, [
        subject("no session, none live", empty, "none"),
        subject("no session", full, "none"),
      ], callers),
      ...await pairs(bench, [
        subject("with a session, none live", empty, "own"),
        subject("with a session", full, "own"),
        subject("each of another session", full, "all"),
      ], callers),
    );
  }
  const { readyMs = NaN } = await full.run({ do: "restart" });
  const figures: Figures = { ...filled, readyMs, emptyReadyMs };
  return [{
    workload: "sessions",
    title: `Calls beside ${many}`,
    about: "Each session has one variable, and has made a call. Cost: the time that a call takes " +
      "more than in a host without other sessions, as the median of pairs of rounds.",
    variants: "calls",
    columns: CALL_COLUMNS,
    rows,
  }, {
    workload: "sessions",
    title: "Many sessions",
    about: `${CALLERS} callers open them, then write a variable of each, then make a call in ` +
      "each. The restart ends with the answer of the first call.",
    variants: "sessions",
    columns: [
      { key: "opensPerSecond", title: "opened", unit: "sessions/s", better: "more" },
      { key: "writesPerSecond", title: "first writes", unit: "writes/s", better: "more" },
      { key: "bytesPerSession", title: "memory each", unit: "bytes", better: "less" },
      { key: "readyMs", title: "restart", unit: "ms", better: "less" },
      { key: "emptyReadyMs", title: "restart with none", unit: "ms", better: "less" },
    ],
    rows: rowsOf(count.toLocaleString("en"), new Map([["snakeden", figures]])),
  }];
}

async function sweep(bench: Bench): Promise<Result[]> {
  const count = bench.pace.quick ? EXPIRED / 10 : EXPIRED;
  bench.say(`sessions: sweep of ${count}`);
  await using process = await start(bench, { workers: 1, maxSessions: count });
  const { rounds } = bench.pace;
  const medians = await bench.interleave([{
    name: "snakeden",
    measure: () => process.run({ do: "sweep", sessions: count }, LONG_MS),
  }], { rounds, warmUpMs: 0, roundMs: 0 });
  return [{
    workload: "sessions",
    title: "Sweep of expired sessions",
    about: "Each has one variable. The loop is held as long as a timer of 1 ms comes late.",
    variants: "sessions",
    columns: [
      { key: "sweepMs", title: "sweep", unit: "ms", better: "less", chart: true },
      { key: "heldMs", title: "event loop held", unit: "ms", better: "less" },
      { key: "idleMs", title: "held when idle", unit: "ms", better: "less" },
    ],
    rows: rowsOf(count.toLocaleString("en"), medians),
  }];
}

async function start(
  { installation }: Bench,
  { workers, maxSessions = 1_000 }: { readonly workers: number; readonly maxSessions?: number },
): Promise<Process> {
  const { python } = installation;
  const options: SessionsHostOptions = { python, folder: HOME, workers, maxSessions };
  return await MeasuringProcess.start("bench/sessions/host.ts", [JSON.stringify(options)]);
}
