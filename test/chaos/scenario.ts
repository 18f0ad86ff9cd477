import type { Ledger } from './ledger.ts';
import type { Random } from './random.ts';

export interface ScenarioContext {
  readonly random: Random;
  /** `short` goes with the tests, `long` is run by hand. */
  readonly scale: 'short' | 'long';
  readonly say: (text: string) => void;
}

/** One way of attacking the stack. @returns the books as they were closed */
export type Scenario = (context: ScenarioContext) => Promise<Ledger>;
