import { z } from "zod";
import { group, KIB, MAX_DURATION_MS, MIB, text, whole } from "../schema_parts.ts";
import {
  allowInlineSchema,
  commandsSchema,
  scriptFoldersSchema,
  scriptsSchema,
  wrapSchema,
} from "./scripts_schema.ts";
import { MAX_TTL_MS } from "./sessions_schema.ts";

const retrySection = group({
  minMs: whole(0, MAX_DURATION_MS, {
    description: "Pause after the first failed attempt.",
  }).default(1_000),
  maxMs: whole(0, MAX_TTL_MS, {
    description: "Longest pause.",
  }).default(600_000),
  factor: z.number().min(1).max(100).meta({
    description: "Each pause is so many times the one before it.",
    allowed: "a number from 1 to 100",
  }).default(2),
  jitter: z.number().min(0).max(1).meta({
    description: "Part of each pause that is random.",
    allowed: "a number from 0 to 1",
  }).default(0.2),
}, "Pauses between the attempts of a job.");

const retentionSection = group({
  completedMs: whole(0, MAX_TTL_MS, {
    description: "Time for which completed jobs are kept.",
  }).default(MAX_DURATION_MS),
  cancelledMs: whole(0, MAX_TTL_MS, {
    description: "Time for which cancelled jobs are kept.",
  }).default(MAX_DURATION_MS),
  discardedMs: whole(0, MAX_TTL_MS, {
    description: "Time for which discarded jobs are kept.",
  }).default(7 * MAX_DURATION_MS),
}, "Time for which jobs are kept after their end.");

const rateSection = group(
  {
    limit: whole(1, 1_000_000, { description: "Jobs that may start in a period." }),
    periodMs: whole(1, MAX_DURATION_MS, { description: "The period." }),
  },
  "Jobs of the queue that may start in a period, evenly.",
  { defaultText: "no limit" },
);

/** A queue of the configuration. */
export const queueSchema = group({
  name: text({
    description: "Name of the queue.",
    allowed: "1 to 64 letters, digits or . _ -, beginning with a letter or digit",
  }).regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/),
  concurrency: whole(1, 1_000_000, {
    description: "Most jobs of the queue that run at once.",
    defaultText: "no limit",
  }).optional(),
  rateLimit: rateSection.optional(),
  fairBy: text({
    description: "Path of the metadata value by which jobs of the queue take turns.",
    allowed: "a path of names of metadata, such as metadata.tenant or metadata.customer.id",
    defaultText: "none",
  }).regex(/^metadata(\.[^.\0]{1,128}){1,8}$/).optional(),
}, "A queue.");

/** The section `jobs`: durable jobs. */
export const jobsSchema = group({
  queues: z.array(queueSchema).max(64).meta({
    description: "The queues, besides `default`, which is always there. Names must differ.",
    allowed: "a list of at most 64 queues",
  }).default([]),
  maxAttempts: whole(1, 1_000, {
    description: "Attempts of a job that names none.",
  }).default(3),
  timeoutMs: whole(1, MAX_DURATION_MS, {
    description: "Longest time of an attempt of a job that names none.",
  }).default(3_600_000),
  retry: retrySection.prefault({}),
  retention: retentionSection.prefault({}),
  idempotencyMs: whole(1, MAX_TTL_MS, {
    description: "Time for which an idempotency key is remembered.",
  }).default(MAX_DURATION_MS),
  leaseMs: whole(1_000, MAX_DURATION_MS, {
    description: "Time after which another host takes a job whose host gives no sign of life.",
  }).default(15_000),
  maxArgsBytes: whole(KIB, 256 * MIB, {
    description: "Longest arguments of a job, in bytes.",
  }).default(16 * MIB),
  maxResultBytes: whole(KIB, 256 * MIB, {
    description: "Longest result of a job, in bytes.",
  }).default(64 * MIB),
  maxBatchItems: whole(1, 1_000_000_000, {
    description: "Most items of a batch.",
  }).default(10_000_000),
  inlineResultBytes: whole(0, 16 * MIB, {
    description: "Longest result that a job shows in its description, in bytes. A longer one has " +
      "an address of its own.",
  }).default(64 * KIB),
  maxChunks: whole(0, 10_000_000, {
    description: "Chunks of a stream that are kept of a job, the last ones.",
  }).default(10_000),
  maxChunkBytes: whole(0, 256 * MIB, {
    description: "Bytes of chunks that are kept of a job.",
  }).default(16 * MIB),
  maxLogBytes: whole(0, 1024 * MIB, {
    description: "Most bytes of the log of a job; the first ones are kept.",
  }).default(16 * MIB),
  maxLogLineChars: whole(64, 8 * KIB, {
    description: "Longest line in the log of a job, in characters. The middle of a longer one is " +
      "left out.",
  }).default(8 * KIB),
  scriptFolders: scriptFoldersSchema,
  scripts: scriptsSchema.prefault({}),
  allowInline: allowInlineSchema,
  wrap: wrapSchema,
  commands: commandsSchema,
}, "Durable jobs.");
