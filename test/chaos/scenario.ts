import type { InvariantReport } from './invariants.ts';
import type { Random } from './random.ts';

export interface ScenarioContext {
  readonly random: Random;
  /** `short`: part of the tests. `long`: run by hand. */
  readonly scale: 'short' | 'long';
  readonly say: (text: string) => void;
}

/** One way to attack a stack. @returns the result of the check of the invariants, and the scenario's own findings */
export type Scenario = (context: ScenarioContext) => Promise<InvariantReport>;
