/** When a sweep begins: nightly, at 01:00 UTC. NCRONTAB. */
export const nightly = '0 0 1 * * *';

/** The schedule of the timer. The host resolves the name of a setting, and leaves out a function whose setting is missing. */
export function sweepSchedule(env: Readonly<Record<string, string | undefined>>): string {
  return env['SWEEP_SCHEDULE'] ? '%SWEEP_SCHEDULE%' : nightly;
}
