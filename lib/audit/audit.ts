import { asFleetError, FleetError } from '../errors.ts';
import { currentLog } from '../log.ts';
import type { AuditAct, AuditOutcome } from './entry.ts';

/** An intent that was written. */
export interface AuditIntent {
  readonly id: string;
  readonly act: AuditAct;
}

/** Where acts are written down. Implementation: intake.ts. */
export interface Audit {
  /**
   * Writes down what is about to be done. It is stored when this returns.
   * @throws FleetError `unavailable`, `throttled`: the act must then not begin, unless it takes rights away
   */
  intent(act: AuditAct): Promise<AuditIntent>;
  /** Writes down how it ended. @throws FleetError `unavailable`, `throttled` */
  result(intent: AuditIntent, outcome: AuditOutcome): Promise<void>;
}

/** Adds details to the result of an act. */
export type Note = (details: AuditAct['details']) => void;

export interface AuditedOptions {
  /**
   * Begin although the intent cannot be written. Only for acts that take rights away, such as revoking: an attacker who can
   * stop the audit trail must not stop them too.
   */
  readonly withoutIntent?: boolean | undefined;
  /**
   * Milliseconds for which an act that may begin without its intent waits for the trail, before and after. Default: 10,000.
   * An operator waits for it, and a client gives up on the storage only after minutes.
   */
  readonly patienceMs?: number;
}

const defaultPatienceMs = 10_000;

/**
 * Does something between its intent and its result.
 *
 * A result that cannot be written does not fail an act that has happened: the entry of the intent remains, and the log says
 * why it has no result.
 * @param work gets `note`, which adds details to the result
 * @throws FleetError `unavailable`, `throttled` when the intent cannot be written; and any error of `work`
 * @example
 * await audited(audit, { action: 'revoke-device', by, subject: { deviceId }, why: reason }, () => revoke(deviceId), {
 *   withoutIntent: true,
 * });
 */
export async function audited<T>(
  audit: Audit,
  act: AuditAct,
  work: (note: Note) => Promise<T>,
  options: AuditedOptions = {},
): Promise<T> {
  const intent = await begin(audit, act, options);
  let details: AuditAct['details'];
  const note: Note = (noted) => {
    details = { ...details, ...noted };
  };
  try {
    const value = await work(note);
    await end(audit, intent, { outcome: 'done', details }, options);
    return value;
  } catch (error) {
    await end(audit, intent, { ...failed(error), details }, options);
    throw error;
  }
}

/**
 * Does several acts in one go, each between its own intent and result.
 * @param work gives, in the order of the acts, how each ended; an error for one that failed
 * @throws FleetError as `audited`
 */
export async function auditedEach<T>(
  audit: Audit,
  acts: readonly AuditAct[],
  work: () => Promise<readonly (T | FleetError)[]>,
  options: AuditedOptions = {},
): Promise<readonly (T | FleetError)[]> {
  const intents = await Promise.all(acts.map((act) => begin(audit, act, options)));
  const endAll = (outcomeOf: (index: number) => AuditOutcome) =>
    Promise.all(intents.map((intent, index) => end(audit, intent, outcomeOf(index), options)));
  try {
    const results = await work();
    await endAll((index) => (results[index] instanceof FleetError ? failed(results[index]) : { outcome: 'done' }));
    return results;
  } catch (error) {
    await endAll(() => failed(error));
    throw error;
  }
}

async function begin(audit: Audit, act: AuditAct, options: AuditedOptions): Promise<AuditIntent> {
  const { withoutIntent = false } = options;
  try {
    return await patiently(audit.intent(act), options);
  } catch (error) {
    if (!withoutIntent || !(error instanceof FleetError)) throw error;
    unwritten('intent', act, error);
    return { id: 'without-intent', act };
  }
}

async function end(audit: Audit, intent: AuditIntent, outcome: AuditOutcome, options: AuditedOptions): Promise<void> {
  try {
    await patiently(audit.result(intent, outcome), options);
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    unwritten('result', intent.act, error);
  }
}

/** The entry may still be written after this gave up on it. */
async function patiently<T>(
  written: Promise<T>,
  { withoutIntent = false, patienceMs = defaultPatienceMs }: AuditedOptions,
): Promise<T> {
  if (!withoutIntent) return written;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new FleetError('unavailable', `The audit trail did not answer within ${patienceMs} ms.`);
    timer = setTimeout(() => reject(error), patienceMs);
  });
  try {
    return await Promise.race([written, late]);
  } finally {
    clearTimeout(timer);
  }
}

function failed(error: unknown): AuditOutcome {
  return { outcome: 'failed', code: asFleetError(error).code };
}

function unwritten(phase: 'intent' | 'result', { action, by, trace }: AuditAct, error: FleetError): void {
  currentLog().error('audit entry not written', { phase, action, by, trace, reason: error.message });
}
