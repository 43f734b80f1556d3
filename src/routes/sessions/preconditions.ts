import { InvalidInputError, SnakedenError } from "../../errors.ts";
import { versionConflict } from "../../sessions/mod.ts";

/** A header that names versions: any version, or those of its strong and weak tags. */
type Versions = "any" | readonly Tag[];

interface Tag {
  readonly version: string;
  readonly isWeak: boolean;
}

/** The versions under which a client wants its request to be done (RFC 9110, section 13). */
export interface Preconditions {
  /** The versions of `If-Match`, if there is one. */
  readonly match?: Versions;
  /** The versions of `If-None-Match`, if there is one. */
  readonly noneMatch?: Versions;
}

/** The longest header that is read. */
const MAX_CHARS = 8_192;
const TAG = /^(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"$/;

/**
 * Reads `If-Match` and `If-None-Match`.
 *
 * @throws {InvalidInputError} `invalid_input` if one is no list of entity tags.
 */
export function readPreconditions(headers: Headers): Preconditions {
  const match = versionsOf(headers, "if-match");
  const noneMatch = versionsOf(headers, "if-none-match");
  return {
    ...(match === undefined ? {} : { match }),
    ...(noneMatch === undefined ? {} : { noneMatch }),
  };
}

function versionsOf(headers: Headers, name: string): Versions | undefined {
  const text = headers.get(name)?.trim();
  if (text === undefined) return undefined;
  if (text === "*") return "any";
  const parts = text.length > MAX_CHARS ? [""] : text.split(",").map((it) => it.trim());
  const tags = parts.filter((it, _, { length }) => it !== "" || length === 1).map(tagOf);
  const known = tags.filter((it) => it !== undefined);
  if (known.length === tags.length && tags.length > 0) return known;
  const message = `given ${
    JSON.stringify(text.slice(0, 100))
  }; allowed: versions in double quotes, such as "3" or "3", "4", or *`;
  throw new InvalidInputError(`Cannot read the header ${name}: ${message}`, [
    { path: name, message },
  ]);
}

function tagOf(text: string): Tag | undefined {
  const [, weak, version] = TAG.exec(text) ?? [];
  return version === undefined ? undefined : { version, isWeak: weak !== undefined };
}

/**
 * Returns true if what is there has a version that the client wants.
 *
 * @param version The version that is there; undefined if there is nothing.
 */
export function isMet({ match, noneMatch }: Preconditions, version: number | undefined): boolean {
  if (match !== undefined && !includes(match, version, { isStrong: true })) return false;
  return noneMatch === undefined || !includes(noneMatch, version, { isStrong: false });
}

/**
 * Returns true if a client has the version that is there already, so that it gets 304.
 *
 * @param what Names what is read, for the error, such as `the session "a"`.
 * @throws {SnakedenError} `version_conflict` if `If-Match` asks for another version, and
 * `invalid_input` as {@link readPreconditions} does.
 */
export function isUnchanged(
  headers: Headers,
  { what, version }: { readonly what: string; readonly version: number },
): boolean {
  const { match, noneMatch } = readPreconditions(headers);
  if (match !== undefined && !isMet({ match }, version)) {
    throw new SnakedenError("version_conflict", `Cannot send ${what}: its version is ${version}`, {
      details: { currentVersion: version },
    });
  }
  return noneMatch !== undefined && !isMet({ noneMatch }, version);
}

/** A strong comparison never matches a weak tag. */
function includes(
  versions: Versions,
  version: number | undefined,
  { isStrong }: { readonly isStrong: boolean },
): boolean {
  if (version === undefined) return false;
  if (versions === "any") return true;
  return versions.some((it) => it.version === String(version) && !(isStrong && it.isWeak));
}

/** Returns the entity tag of a version. */
export function etagOf(version: number): string {
  return `"${version}"`;
}

/** A write of something that has versions. */
export interface VersionedWrite<T> {
  /** Names it in an error, such as `the session "a"`. */
  readonly what: string;
  /** Returns the version that is there; undefined if there is nothing. */
  readonly version: () => Promise<number | undefined>;
  /** Writes if the version is this one; with 0 if there is nothing, without one in any case. */
  readonly act: (ifVersion?: number) => Promise<T>;
}

/** The writes of others that a client may lose against while its preconditions are still met. */
const MAX_TRIES = 10;

/**
 * Writes only while the preconditions of a client are met.
 *
 * @throws {SnakedenError} `version_conflict` if they are not.
 */
export async function underPreconditions<T>(
  preconditions: Preconditions,
  { what, version, act }: VersionedWrite<T>,
): Promise<T> {
  const { match, noneMatch } = preconditions;
  if (match === undefined && noneMatch === undefined) return await act();
  let current: number | undefined;
  for (let i = 0; i < MAX_TRIES; i++) {
    current = await version();
    if (!isMet(preconditions, current)) break;
    try {
      return await act(current ?? 0);
    } catch (error) {
      if (!(error instanceof SnakedenError) || error.code !== "version_conflict") throw error;
    }
  }
  throw versionConflict(what, current ?? null);
}
