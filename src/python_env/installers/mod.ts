/**
 * Builds an environment with uv, or with venv and pip, under the settings and variables that an
 * installer may see; explains a failed installation.
 *
 * @module
 */
export { buildEnvironment } from "./build_environment.ts";
export { commandEnv, hostEnv } from "./command_env.ts";
