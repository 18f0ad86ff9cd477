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
}

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
  { withoutIntent = false }: AuditedOptions = {},
): Promise<T> {
  const intent = await audit.intent(act).catch((error: unknown) => {
    if (!withoutIntent || !(error instanceof FleetError)) throw error;
    unwritten('intent', act, error);
    return { id: 'without-intent', act };
  });
  let details: AuditAct['details'];
  const end = (outcome: AuditOutcome) =>
    audit.result(intent, { ...outcome, details }).catch((error: unknown) => {
      if (!(error instanceof FleetError)) throw error;
      unwritten('result', act, error);
    });
  try {
    const value = await work((noted) => {
      details = { ...details, ...noted };
    });
    await end({ outcome: 'done' });
    return value;
  } catch (error) {
    await end({ outcome: 'failed', code: asFleetError(error).code });
    throw error;
  }
}

function unwritten(phase: 'intent' | 'result', { action, by, trace }: AuditAct, error: FleetError): void {
  currentLog().error('audit entry not written', { phase, action, by, trace, reason: error.message });
}
