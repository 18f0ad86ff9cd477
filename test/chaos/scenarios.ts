import type { Scenario } from './scenario.ts';
import { duplicate } from './scenarios/duplicate.ts';
import { kill, killTwoHosts } from './scenarios/kill.ts';
import { refuse } from './scenarios/refuse.ts';

/** Every attack by the name that --only takes. */
export const scenarios = { kill, 'kill-two-hosts': killTwoHosts, duplicate, refuse } as const satisfies Record<
  string,
  Scenario
>;
