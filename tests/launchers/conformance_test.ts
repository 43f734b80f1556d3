import { type LauncherName, LAUNCHERS } from "../../src/pool/mod.ts";
import { testLauncher } from "./conformance.ts";

for (const launcher of Object.keys(LAUNCHERS) as LauncherName[]) {
  for (const carrier of ["socket", "grpc"] as const) testLauncher(launcher, carrier);
}
