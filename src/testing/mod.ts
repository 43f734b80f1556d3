/**
 * Help for tests of programs that use Snakeden: {@link startTestHost} starts a real host with one
 * line, and {@link fakeDen} takes the place of one without Python. Tests in Node import the fake
 * alone, from `snakeden/testing/fake`, and start hosts by `snakeden/spawn`.
 *
 * @example
 * ```ts ignore
 * import { startTestHost } from "snakeden/testing";
 *
 * Deno.test("texts are classified", async () => {
 *   await using host = await startTestHost({ adapter: "texts:Texts" });
 *   console.log(await host.den.execute("classify", { text: "a good day" }));
 * });
 * ```
 *
 * @module
 */
export * from "./fake/mod.ts";
export { startTestHost, TestHost, type TestHostOptions } from "./test_host.ts";
