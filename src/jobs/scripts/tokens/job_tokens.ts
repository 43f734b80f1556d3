import { createHash, randomBytes } from "node:crypto";
import { SnakedenError } from "../../../errors.ts";
import type { JobParent } from "./job_parent.ts";

/** The beginning of every token, by which it is told from an API key. */
const PREFIX = "snakeden-job-";
/** The random bytes of a token: 256 bits. */
const RANDOM_BYTES = 32;
/** The jobs that may have submitted each other, unless the configuration says how many. */
const DEFAULT_MAX_DEPTH = 4;

const TOKEN = new RegExp(`^${PREFIX}[A-Za-z0-9_-]{43}$`);

/** An attempt of a job that gets a token. */
export interface TokenGrant {
  readonly jobId: string;
  readonly attempt: number;
  /** The depth of the job; see {@link depthOf}. */
  readonly depth: number;
  /** The grants of the job, which the runners of its children get to see. */
  readonly grants?: unknown;
}

/** An attempt of a job that has a token. */
export interface TokenHolder extends TokenGrant {
  /** Aborts when the attempt ends, with the reason as an error. */
  readonly signal: AbortSignal;
}

/** Returns true for a text that has the form of a token. */
export function isTokenText(text: string): boolean {
  return TOKEN.test(text);
}

/**
 * The tokens of the attempts that run. A token is good until its attempt ends; only its digest is
 * kept, and only in memory, since an attempt ends with its host.
 */
export class JobTokens {
  /** By the digest of the token. */
  readonly #holders = new Map<string, { holder: TokenHolder; end: AbortController }>();
  /** Digests by the attempt. */
  readonly #digests = new Map<string, string>();
  readonly #maxDepth: number;

  /** @param maxDepth The jobs that may have submitted each other, the first one included. */
  constructor({ maxDepth = DEFAULT_MAX_DEPTH }: { readonly maxDepth?: number } = {}) {
    this.#maxDepth = maxDepth;
  }

  /** The number of tokens that are good. */
  get size(): number {
    return this.#holders.size;
  }

  /** Returns a new token for an attempt. An earlier one of the same attempt is revoked. */
  mint(grant: TokenGrant): string {
    this.revoke(grant.jobId, grant.attempt);
    const token = PREFIX + randomBytes(RANDOM_BYTES).toString("base64url");
    const digest = digestOf(token);
    const end = new AbortController();
    this.#holders.set(digest, { holder: { ...grant, signal: end.signal }, end });
    this.#digests.set(placeOf(grant.jobId, grant.attempt), digest);
    return token;
  }

  /** Ends the token of an attempt, and aborts what was begun with it. */
  revoke(jobId: string, attempt: number): void {
    const place = placeOf(jobId, attempt);
    const digest = this.#digests.get(place);
    if (digest === undefined) return;
    const found = this.#holders.get(digest);
    this.#digests.delete(place);
    this.#holders.delete(digest);
    found?.end.abort(
      new SnakedenError(
        "cancelled",
        `The request was cancelled: the attempt ${attempt} of the job ${jobId}, whose token it ` +
          "has, has ended",
        { details: { jobId, attempt } },
      ),
    );
  }

  /** Returns the holder of a token; undefined if it is none, or its attempt has ended. */
  check(token: string): TokenHolder | undefined {
    // The lookup compares digests, whose bytes a caller cannot choose.
    return isTokenText(token) ? this.#holders.get(digestOf(token))?.holder : undefined;
  }

  /** Returns the holder of a token as the parent of the jobs that it submits. */
  parentFor({ jobId, depth, grants, signal }: TokenHolder): JobParent {
    return { id: jobId, depth: depth + 1, maxDepth: this.#maxDepth, signal, grants };
  }
}

function placeOf(jobId: string, attempt: number): string {
  return `${attempt}:${jobId}`;
}

function digestOf(token: string): string {
  return createHash("sha256").update(token).digest("base64url");
}
