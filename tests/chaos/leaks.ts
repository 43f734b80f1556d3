import type { OpenSockets, Traffic } from "../../src/routes/mod.ts";
import { AskingCall, ReceivedAsk } from "../../src/bridge/open_asks.ts";
import { JobEngine, JobFeed } from "../../src/jobs/mod.ts";
import { LeaseKeeper } from "../../src/jobs/engine/lease_keeper.ts";
import { JobRun } from "../../src/jobs/engine/job_run.ts";
import { JobWatchers } from "../../src/sqlite/job_watchers.ts";
import { LiveProcess } from "../../src/process/guard/live_process.ts";
import { Attempt, Call, CallInputs } from "../../src/pool/calls/mod.ts";
import { InputStream } from "../../src/pool/calls/inputs/mod.ts";
import { EventFeed, KeptBody, StreamBody } from "../../src/routes/calls/events/mod.ts";
import { Connection } from "../../src/routes/socket/connection.ts";
import { SocketCall } from "../../src/routes/socket/socket_call.ts";
import { HostRun, ItemReader } from "../../src/tools/host/runs/mod.ts";
import { liveObjects, privateEntries } from "../fixtures/live_objects.ts";

/** The classes of objects that exist only while a call or a connection does. */
const OF_CALLS = [
  Call,
  Attempt,
  AskingCall,
  ReceivedAsk,
  HostRun,
  ItemReader,
  CallInputs,
  InputStream,
  EventFeed,
  StreamBody,
  KeptBody,
  SocketCall,
  Connection,
  JobRun,
  LiveProcess,
] as const;

/**
 * Returns what is left of calls that have ended, by its name: objects that only open calls have,
 * such as asks of workers, and streams that are kept for their clients.
 */
export async function leftOfCalls(
  { traffic: { streams }, sockets }: {
    readonly traffic: Traffic;
    readonly sockets: OpenSockets;
  },
): Promise<Record<string, number>> {
  const left: Record<string, number> = {
    ...await liveObjects(OF_CALLS),
    ...await privateEntries(JobFeed, ["#listeners"]),
    ...await privateEntries(LeaseKeeper, ["#dirty"]),
    ...await privateEntries(JobEngine, ["#runs", "#byId"]),
    ...await privateEntries(JobWatchers, ["#waiting"]),
    sockets: sockets.size,
    "kept streams": streams.size,
    "bytes of kept streams": streams.bytes,
  };
  return Object.fromEntries(Object.entries(left).filter(([, count]) => count > 0));
}
