/**
 * Asks the command-line tools of the vendors for devices: {@link probeDevices} for all that is
 * known, {@link refreshDevices} for what changes. {@link runTool} runs other tools in the same way.
 *
 * A tool runs in a process group of its own, with a limit of time and of output, so one that hangs
 * or prints without end neither stalls the event loop nor outlives the probe. Its output is read
 * cell by cell: an unknown value is null, and a row that cannot be read is a problem, not a device.
 *
 * @module
 */
export { probeDevices, refreshDevices, type RefreshOptions } from "./probe_devices.ts";
export { type ProbeOptions, type ProbeResult, withDefaults } from "./probe_options.ts";
export { runTool } from "./run_tool.ts";
