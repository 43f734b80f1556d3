import { join } from "node:path";
import { sizeOf } from "../tree_size.ts";
import { type EnvironmentKind, kindOfName } from "./environment_kind.ts";
import { environmentNames } from "./environment_store.ts";
import { type BuildRecord, validStamp } from "./stamp.ts";
import { isInUse, lastUseOf } from "./use.ts";

/** An environment in the data directory. */
export interface ListedEnvironment {
  readonly path: string;
  /** Such as `3.11.7`; null if the environment is of no more use. */
  readonly version: string | null;
  readonly installedBytes: number;
  /** Undefined for an environment that an earlier version has built. */
  readonly build: BuildRecord | undefined;
  /** True while a process uses it. */
  readonly inUse: boolean;
  /** Milliseconds since 1970; 0 if unknown. */
  readonly usedMs: number;
  readonly kind: EnvironmentKind;
}

/** Lists the environments in `root`, the one used last first. */
export async function listEnvironments(root: string): Promise<ListedEnvironment[]> {
  const names = await environmentNames(root);
  const listed = await Promise.all(names.map(async (name): Promise<ListedEnvironment> => {
    const path = join(root, name);
    const [stamp, { atMs }, inUse] = await Promise.all([
      validStamp(path),
      lastUseOf(path),
      isInUse(path),
    ]);
    return {
      path,
      version: stamp?.version ?? null,
      installedBytes: stamp?.build?.installedBytes ?? await sizeOf(path),
      build: stamp?.build,
      inUse,
      usedMs: atMs,
      kind: kindOfName(name) ?? "workers",
    };
  }));
  return listed.sort((a, b) => b.usedMs - a.usedMs);
}
