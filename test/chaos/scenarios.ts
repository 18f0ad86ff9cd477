import type { Scenario } from './scenario.ts';
import { cancel } from './scenarios/cancel.ts';
import { drift } from './scenarios/drift.ts';
import { duplicate } from './scenarios/duplicate.ts';
import { hostile } from './scenarios/hostile.ts';
import { kill, killTwoHosts } from './scenarios/kill.ts';
import { poison } from './scenarios/poison.ts';
import { pressure } from './scenarios/pressure.ts';
import { refuse, refuseKeyVault } from './scenarios/refuse.ts';
import { renew } from './scenarios/renew.ts';
import { revoke } from './scenarios/revoke.ts';
import { storm } from './scenarios/storm.ts';
import { throttle } from './scenarios/throttle.ts';

/** All scenarios by the name that `--only` takes. */
export const scenarios = {
  kill,
  'kill-two-hosts': killTwoHosts,
  duplicate,
  refuse,
  'refuse-key-vault': refuseKeyVault,
  poison,
  cancel,
  pressure,
  throttle,
  hostile,
  revoke,
  renew,
  drift,
  storm,
} as const satisfies Record<string, Scenario>;
