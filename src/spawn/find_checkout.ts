import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { SnakedenError } from "../errors.ts";
import { isRecord } from "../json/mod.ts";

/** The folder of Snakeden, and the version of Deno that it is tested with. */
export interface Checkout {
  readonly folder: string;
  readonly deno: string;
}

/**
 * Finds the folder of Snakeden: the one that is given, else the nearest around this module, or
 * around the bundle that this module is in.
 *
 * @throws {SnakedenError} `startup_failed` if there is none.
 */
export async function findCheckout(given: string | URL | undefined): Promise<Checkout> {
  if (given !== undefined) {
    const folder = given instanceof URL || given.startsWith("file:")
      ? fileURLToPath(given)
      : resolve(given);
    const found = await checkoutIn(folder);
    if (found !== undefined) return found;
    throw notFound(`snakeden: given ${folder}, which has no deno.json of Snakeden`);
  }
  const { url } = import.meta;
  if (!url.startsWith("file:")) throw notFound(`this module comes from ${url}`);
  const start = dirname(fileURLToPath(url));
  for (let folder = start;;) {
    const found = await checkoutIn(folder);
    if (found !== undefined) return found;
    const above = dirname(folder);
    if (above === folder) throw notFound(`neither ${start} nor a folder above it is one`);
    folder = above;
  }
}

async function checkoutIn(folder: string): Promise<Checkout | undefined> {
  try {
    const denoJson: unknown = JSON.parse(await readFile(join(folder, "deno.json"), "utf8"));
    if (!isRecord(denoJson) || denoJson.name !== "snakeden") return undefined;
    return { folder, deno: (await readFile(join(folder, ".dvmrc"), "utf8")).trim() };
  } catch {
    // There is no such file, or it is one of somebody else.
    return undefined;
  }
}

function notFound(why: string): SnakedenError {
  return new SnakedenError(
    "startup_failed",
    `Cannot start a host: the folder of Snakeden was not found: ${why}; ` +
      'pass it: spawn({ snakeden: "/path/to/snakeden" })',
  );
}
