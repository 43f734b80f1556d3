import { join } from "node:path";
import { SCRIPT_ENV } from "../environment_names.ts";
import { InvalidInputError } from "../errors.ts";
import { readVariable } from "../granted.ts";

/** The folder of the artifacts of a program that is run by hand. */
const BY_HAND = "artifacts";
/** A plain name: no folder, and nothing that is one. */
const NAME = /^(?!\.{1,2}$)[^/\\\0]{1,255}$/;

/** The files that a program returns beside its result. */
export interface Artifacts {
  /** Returns the path at which a file of this name becomes an artifact; makes the folder. */
  path(name: string): string;
  /** Writes a file of this name; returns its path. */
  write(name: string, data: string | Uint8Array): Promise<string>;
}

/**
 * The artifacts of this program. In a job, its files are kept with the job; by hand, they are in
 * the folder `artifacts` of the working directory.
 */
export const artifacts: Artifacts = {
  path(name: string): string {
    if (typeof name !== "string" || !NAME.test(name)) {
      const message = `given ${
        JSON.stringify(name)
      }; allowed: 1 to 255 characters without / and \\`;
      throw new InvalidInputError(`Cannot make an artifact: name: ${message}`, [
        { path: "name", message },
      ]);
    }
    const given = readVariable(SCRIPT_ENV.artifacts);
    if (given !== undefined && given !== "") return join(given, name);
    Deno.mkdirSync(BY_HAND, { recursive: true });
    return join(BY_HAND, name);
  },
  async write(name: string, data: string | Uint8Array): Promise<string> {
    const path = artifacts.path(name);
    if (typeof data === "string") await Deno.writeTextFile(path, data);
    else await Deno.writeFile(path, data);
    return path;
  },
};
