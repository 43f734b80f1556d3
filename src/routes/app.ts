import { OpenAPIHono } from "@hono/zod-openapi";
import { access, JobAccess, KeyGuard } from "./access/mod.ts";
import {
  addExecute,
  addKeptStreams,
  addMap,
  addStream,
  StreamAnswers,
  Traffic,
} from "./calls/mod.ts";
import type { Engine } from "./engine.ts";
import { addFileContent, addFiles, addJobArtifacts } from "./files/mod.ts";
import { addHardware } from "./hardware.ts";
import { addHealth } from "./health.ts";
import { type AppEnv, problemOf, problemResponse, unmatched } from "./http/mod.ts";
import { addIndex } from "./index_page.ts";
import {
  addJobBatch,
  addJobEvents,
  addJobLogs,
  addJobResult,
  addJobs,
  addQueues,
  addSubmit,
  JobEventStreams,
  JobJsonWriter,
  laterCalls,
} from "./jobs/mod.ts";
import { OPEN_PATHS } from "./open_paths.ts";
import { addDocsPage, addOpenApi } from "./openapi/mod.ts";
import { addPageFiles } from "./pages/mod.ts";
import { OVER_HTTP } from "../tools/mod.ts";
import { addPoolChanges, addPools, addPoolVerbs, addRecycle, addReload } from "./pools/mod.ts";
import { addPrograms, addRun } from "./programs/mod.ts";
import { addBatch, addEvents, addSessions, addVariables } from "./sessions/mod.ts";
import { addSocket, OpenSockets } from "./socket/mod.ts";
import { addTools } from "./tools.ts";
import { addWorkers } from "./workers.ts";
import { refuseInvalid } from "./schema/mod.ts";

/** Options of {@link createApp}. */
export interface AppOptions {
  /** Version of Snakeden, for `/healthz` and the description of the API. */
  readonly version: string;
  /** The bounds on requests in progress; by default those of the engine, never started. */
  readonly traffic?: Traffic;
  /** The open WebSockets; by default with the bounds of the engine, and nobody closes them. */
  readonly sockets?: OpenSockets;
  /** The check of API keys; by default that of the engine's configuration, never started. */
  readonly guard?: KeyGuard;
}

/**
 * Creates the HTTP interface of an engine.
 *
 * @example
 * ```ts ignore
 * const app = createApp(den, { version: "0.1.0" });
 * Deno.serve(app.fetch);
 * ```
 */
export function createApp(
  engine: Engine,
  {
    version,
    traffic = new Traffic(engine.config.limits),
    sockets = new OpenSockets(engine.config.limits),
    guard = new KeyGuard(engine.config.apiKey),
  }: AppOptions,
): OpenAPIHono<AppEnv> {
  const { cors, errors: shown, limits: { heartbeatMs, maxDepth, maxResultBytes } } = engine.config;
  const { needsKey } = guard;
  const app = new OpenAPIHono<AppEnv>({ defaultHook: refuseInvalid });
  const jobs = engine.jobs.encoded();
  const jobAccess = new JobAccess({
    tokens: jobs.tokens,
    parentOf: async (id) => (await jobs.get(id)).parentId,
    onAdmitted: (request, ending) => traffic.callers.endWith(request, ending),
  });
  app.use(access({
    guard,
    jobs: jobAccess,
    openPaths: OPEN_PATHS,
    corsOrigins: cors.origins,
    shown,
  }));
  app.onError((error, c) => problemResponse(problemOf(error, c.get("requestId"), shown)));
  const answers = new StreamAnswers(engine, {
    traffic,
    findTool: (name, pool, options) => engine.tools.find(name, pool, { ...options, ...OVER_HTTP }),
    learnTool: (name, pool, options) =>
      engine.tools.learn(name, pool, { ...options, ...OVER_HTTP }),
    heartbeatMs,
    shown,
    ownerOf: (headers) => guard.ownerOf(headers),
  });
  const removalOf = (headers: Headers): AbortSignal | undefined =>
    jobAccess.holderOf(headers)?.signal ?? guard.removalOf(headers);
  const writer = new JobJsonWriter(traffic, shown);
  const later = laterCalls(jobs, { traffic, writer });
  addExecute(app, engine, { traffic, tools: engine.tools, answers, later });
  addStream(app, answers);
  addKeptStreams(app, answers);
  addMap(app, engine, { traffic, heartbeatMs, maxDepth, shown });
  addSocket(app, engine, {
    traffic,
    sockets,
    corsOrigins: cors.origins,
    shown,
    removalOf,
    limits: engine.config.limits,
  });
  addTools(app, engine.tools, { pools: engine.pools });
  addPools(app, engine.pools, { shown });
  addRecycle(app, engine.pools, { traffic });
  addPoolVerbs(app, engine.pools, { traffic, shown });
  addPoolChanges(app, engine.pools, { traffic, shown, needsKey });
  addReload(app, engine);
  addWorkers(app, engine.workers, { shown, needsKey });
  addSessions(app, engine.sessions, { traffic, maxTtlMs: engine.config.sessions.maxTtlMs });
  addVariables(app, engine.sessions, { traffic, maxDepth });
  addBatch(app, engine.sessions, { traffic, maxResultBytes });
  addEvents(app, engine.sessions, { traffic, heartbeatMs, removalOf });
  addPrograms(app, engine, { traffic, maxDepth });
  addRun(app, engine, { traffic });
  const jobEvents = new JobEventStreams(jobs, { traffic, writer, heartbeatMs, removalOf });
  addSubmit(app, jobs, { traffic, writer, events: jobEvents });
  addJobBatch(app, jobs, { traffic, writer, shown });
  addJobs(app, jobs, { traffic, writer });
  addJobResult(app, jobs, { traffic, writer, tools: engine.tools });
  addJobArtifacts(app, jobs, { files: engine.files, traffic });
  addJobEvents(app, jobEvents);
  addJobLogs(app, jobs, { traffic, writer, shown, heartbeatMs, removalOf });
  addQueues(app, engine.queues, { traffic });
  addFiles(app, engine.files, { traffic });
  addFileContent(app, engine.files, { traffic });
  addHardware(app, engine.hardware, { needsKey });
  // The reasons contain output of workers, which callers without a key must not see.
  addHealth(app, engine.health, { version, showsReasons: !needsKey && shown.output });
  addOpenApi(app, engine.tools, { version, needsKey });
  addDocsPage(app, { needsKey });
  addIndex(app, { version, needsKey });
  addPageFiles(app);
  app.notFound(unmatched(app));
  return app;
}
