import type { Scenario } from './scenario.ts';
import { kill, killTwoHosts } from './scenarios/kill.ts';

/** Every attack by the name that --only takes. */
export const scenarios = { kill, 'kill-two-hosts': killTwoHosts } as const satisfies Record<string, Scenario>;
