/**
 * Files over HTTP: {@link Files}, named as in the library. Bytes are streamed in both directions; a
 * download that breaks off goes on where it was.
 *
 * @module
 */
export { Files, filesIn, sendFile } from "./files.ts";
