import { defaultTotalBytes } from "../machine_defaults.ts";
import { group, KIB, MAX_DURATION_MS, MIB, whole } from "../schema_parts.ts";

/** Returns the default in words of a total that {@link defaultTotalBytes} bounds. */
function totalText(mebibytes: number): string {
  return `${mebibytes} MiB; less in a container with less than 2 GiB`;
}

/** The section `limits`: limits on requests and responses. */
export const limitsSchema = group({
  maxConnections: whole(64, 1_000_000, {
    description: "Open connections and files of the host above which idle connections are closed.",
  }).default(10_000),
  maxBodyBytes: whole(KIB, 1024 * MIB, {
    description: "Longest JSON body of a request, in bytes.",
  }).default(8 * MIB),
  maxUploadBytes: whole(KIB, 1024 * MIB, {
    description: "Longest body of a call that is not JSON, in bytes: a form, or plain bytes.",
  }).default(64 * MIB),
  maxFileBytes: whole(KIB, 1024 * 1024 * MIB, {
    description: "Longest file, in bytes. Files are streamed to disk, not held in memory.",
  }).default(16 * 1024 * MIB),
  maxBodiesBytes: whole(KIB, 64 * 1024 * MIB, {
    description: "Total bytes of the bodies that are being received or parsed. A single body may " +
      "always reach its own limit.",
    defaultText: totalText(128),
  }).default(() => defaultTotalBytes(128 * MIB)),
  maxArgumentsBytes: whole(KIB, 64 * 1024 * MIB, {
    description:
      "Total bytes of the arguments of calls over HTTP that wait or run. A single call " +
      "may always reach the limit of its body. Arguments up to 16 KiB do not count.",
    defaultText: totalText(512),
  }).default(() => defaultTotalBytes(512 * MIB)),
  bodyTimeoutMs: whole(1_000, MAX_DURATION_MS, {
    description: "Time within which the body of a request must arrive.",
  }).default(60_000),
  maxResultBytes: whole(KIB, 1024 * MIB, {
    description: "Largest result or chunk of a tool, in bytes.",
  }).default(64 * MIB),
  maxUnreadBytes: whole(KIB, 64 * 1024 * MIB, {
    description:
      "Total bytes of large responses that are being written or wait for their readers. A single " +
      "response may always have `maxResultBytes`.",
    defaultText: totalText(256),
  }).default(() => defaultTotalBytes(256 * MIB)),
  answerTimeoutMs: whole(1_000, MAX_DURATION_MS, {
    description:
      "Time within which the reader of a large response or a stream must read something.",
  }).default(60_000),
  maxListItems: whole(1, 100_000_000, {
    description: "Most numbers in the arrays of a result or a chunk that are sent as lists.",
  }).default(1_000_000),
  maxCallDepth: whole(1, 256, {
    description: "Calls around a call, by tools that call tools: Python calls the host, which " +
      "calls Python.",
  }).default(16),
  maxDepth: whole(1, 1_000, {
    description: "Levels of nesting in arguments and results.",
  }).default(200),
  streamWindowBytes: whole(KIB, 256 * MIB, {
    description: "Bytes of a stream that may wait for its reader.",
  }).default(MIB),
  maxSockets: whole(0, 100_000, {
    description: "WebSockets that may be open, and at most half of `maxConnections`; 0 for none.",
  }).default(1_000),
  maxSocketCalls: whole(1, 100_000, {
    description: "Calls that may be open on one WebSocket.",
  }).default(256),
  streamResumeMs: whole(0, MAX_DURATION_MS, {
    description: "Time for which a call goes on when the connection of its Server-Sent Events is " +
      "cut, and in which its client can resume the stream; 0 cancels the call at once.",
  }).default(0),
  streamReplayBytes: whole(KIB, 256 * MIB, {
    description: "Bytes of its last events that each stream keeps for a client that resumes it. " +
      "All streams together keep at most half of `maxUnreadBytes`.",
  }).default(16 * MIB),
  heartbeatMs: whole(100, 3_600_000, {
    description: "Time after which a silent stream sends a heartbeat.",
  }).default(15_000),
}, "Limits on requests and responses.");
