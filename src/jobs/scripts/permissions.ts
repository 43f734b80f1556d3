import { isAbsolute, join, relative, resolve } from "node:path";
import type { FieldIssue } from "../../errors.ts";

/** The kinds of permissions. */
export const PERMISSION_KINDS = ["read", "write", "net", "env", "run"] as const;
export type PermissionKind = typeof PERMISSION_KINDS[number];

/** Permissions by kind: all of a kind, or a list. */
export type Permissions = { readonly [K in PermissionKind]?: true | readonly string[] | undefined };

/** Options of {@link grantedPermissions}. */
export interface GrantOptions {
  /** The most that may be granted. */
  readonly allowed: Permissions;
  /** The folder of the script, to which paths may be relative. */
  readonly folder: string;
}

/**
 * Returns the permissions to grant: those that were asked for, with absolute paths; or what
 * is not allowed.
 */
export function grantedPermissions(
  asked: Permissions,
  { allowed, folder }: GrantOptions,
): Permissions | FieldIssue[] {
  const issues: FieldIssue[] = [];
  const granted: Partial<Record<PermissionKind, true | readonly string[]>> = {};
  for (const kind of PERMISSION_KINDS) {
    const given = asked[kind];
    if (given === undefined || given !== true && given.length === 0) continue;
    const most = allowed[kind];
    if (given === true) {
      if (most === true) granted[kind] = true;
      else issues.push(refused(kind, { shown: "true", path: `permissions.${kind}`, most }));
      continue;
    }
    const entries = given.map((it) => isPathKind(kind) ? resolve(folder, it) : it);
    granted[kind] = entries;
    if (most === true) continue;
    for (const [i, entry] of entries.entries()) {
      if (most?.some((it) => includes(kind, it, entry))) continue;
      const shown = JSON.stringify(given[i]);
      issues.push(refused(kind, { shown, path: `permissions.${kind}[${i}]`, most }));
    }
  }
  return issues.length > 0 ? issues : granted;
}

function refused(
  kind: PermissionKind,
  { shown, path, most }: {
    readonly shown: string;
    readonly path: string;
    readonly most: true | readonly string[] | undefined;
  },
): FieldIssue {
  const allowed = Array.isArray(most) && most.length > 0
    ? `what the folder of the script allows, ${most.join(", ")}`
    : `none: the folder of the script allows no ${kind}`;
  return { path, message: `given ${shown}; allowed: ${allowed}` };
}

function isPathKind(kind: PermissionKind): boolean {
  return kind === "read" || kind === "write";
}

/** Returns true if a permission for `allowed` covers one for `asked`. */
function includes(kind: PermissionKind, allowed: string, asked: string): boolean {
  switch (kind) {
    case "read":
    case "write":
      return isWithin(allowed, asked);
    case "net":
      return includesHost(allowed.toLowerCase(), asked.toLowerCase());
    case "env":
      return allowed.endsWith("*") ? asked.startsWith(allowed.slice(0, -1)) : allowed === asked;
    case "run":
      return allowed === asked;
  }
}

/** Returns true if a path is a folder, or a file in it. Both are absolute. */
export function isWithin(folder: string, path: string): boolean {
  const inside = relative(join(folder), join(path));
  return inside !== ".." && !inside.startsWith("../") && !isAbsolute(inside);
}

/** Compares hosts; an entry without a port means all ports of its host. */
function includesHost(allowed: string, asked: string): boolean {
  if (allowed === asked) return true;
  const [host, port] = hostAndPort(asked);
  const [most, mostPort] = hostAndPort(allowed);
  if (mostPort !== undefined && mostPort !== port) return false;
  return most === host || most.startsWith("*.") && host.endsWith(most.slice(1));
}

function hostAndPort(entry: string): [string, string | undefined] {
  const [, host = entry, port] = /^(\[[^\]]*\]|[^:]*):(\d+)$/.exec(entry) ?? [];
  return [host, port];
}
