/**
 * Moves every place that install.sh reads or writes below a directory, for tests without a machine of their own. It is what a
 * device has at `/`, and not what `--root` does: there, IoT Edge is not run.
 */
export function movedBelow(script: string, directory: string): string {
  return script.replaceAll(/(^|[ ='])\/(etc|var|snap)\//gm, `$1${directory}/$2/`);
}
