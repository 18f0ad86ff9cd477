/** One thing that `fleet doctor` looked at. */
export interface Check {
  readonly name: string;
  readonly state: 'ok' | 'warning' | 'FAULT';
  /** What was found. */
  readonly found: string;
  /** What to do. Absent when nothing is. */
  readonly fix?: string | undefined;
}
