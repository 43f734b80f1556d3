/**
 * Runs ensurePython() in a process of its own: the test gives the options and the deps as JSON and
 * reads JSON lines.
 */
import { ensurePython } from "../../src/python_env/ensure_python.ts";

const [options, deps] = JSON.parse(Deno.args[0] ?? "");
using python = await ensurePython({ ...options, onProgress: (line) => console.error(line) }, deps);
console.log(JSON.stringify({ executable: python.executable, built: python.built }));
