import { excerpt, FleetError } from '../errors.ts';
import { type Finding, type FindingAct, withAct } from '../findings/finding.ts';
import { definitionOf } from '../findings/kinds.ts';
import type { Versioned } from '../storage.ts';
import type { Ports } from './ports.ts';
import { type RepairPorts as KindPorts, repairs } from './repairs.ts';

export type RepairPorts = KindPorts & Pick<Ports, 'findings' | 'now'>;

/** Who asks for something to be done about a finding, and why. */
export interface FindingRequest {
  /** As `Act`. */
  readonly by: string;
  readonly reason: string;
}

/** As the name of who repaired a finding that repairs itself. */
export const sweepActor = 'sweep';

/** Attempts to write a finding while a sweep changes it. */
const maxWriteAttempts = 10;

/**
 * Makes Azure what the records say, where that is possible without a person (`definitionOf(kind).remedy`). The repair reads
 * the record again, and does nothing that the record does not ask for by now. So it can be repeated, and cut at any point:
 * the finding stays open then, and the next sweep or request repairs it again.
 * @returns the finding as it is afterwards. One that is repaired or gone stays as it is
 * @throws FleetError `not-found`; `method-conflict` when a person has to act; what the repair throws, noted on the finding
 */
export async function repairFinding(id: string, request: FindingRequest, ports: RepairPorts): Promise<Finding> {
  const { value: finding } = await readFinding(id, ports);
  if (finding.state === 'repaired' || finding.state === 'gone') return finding;
  const repair = repairs[finding.kind];
  if (repair === undefined) {
    const { remedy } = definitionOf(finding.kind);
    throw new FleetError(
      'method-conflict',
      `A finding of kind "${finding.kind}" is not repaired by this app. ${remedy}`,
    );
  }
  try {
    await repair(finding, ports);
  } catch (error) {
    if (error instanceof FleetError)
      await note(id, { act: 'repair failed', by: request.by, reason: error.message }, ports);
    throw error;
  }
  return note(id, { act: 'repaired', ...request }, ports);
}

/**
 * Keeps a finding quiet until it changes or is not seen any more.
 * @returns the finding as it is afterwards
 * @throws FleetError `not-found`; `method-conflict` when it is not open, or when it is of a kind that repairs itself
 */
export async function acceptFinding(
  id: string,
  { by, reason }: FindingRequest,
  ports: Pick<Ports, 'findings' | 'now'>,
): Promise<Finding> {
  const { value: finding } = await readFinding(id, ports);
  if (finding.state === 'accepted') return finding;
  if (definitionOf(finding.kind).repair === 'self') {
    const message = `A finding of kind "${finding.kind}" is repaired by every sweep and cannot be accepted.`;
    throw new FleetError(
      'method-conflict',
      `${message} Change what the records say: restore the device, or delete the group.`,
    );
  }
  if (finding.state !== 'open') {
    const message = `Finding "${id}" is ${finding.state}. Only an open finding can be accepted.`;
    throw new FleetError('method-conflict', message);
  }
  return note(id, { act: 'accepted', by, reason }, ports, finding.digest);
}

/** @throws FleetError `not-found` */
export async function readFinding(id: string, { findings }: Pick<Ports, 'findings'>): Promise<Versioned<Finding>> {
  const found = await findings.read(id);
  if (found === undefined) throw new FleetError('not-found', `There is no finding "${excerpt(id)}".`);
  return found;
}

const stateAfter = { accepted: 'accepted', repaired: 'repaired', 'repair failed': undefined } as const;

/**
 * @param digest the finding that the caller saw. Another one, or one that is gone by now, is left
 * @returns the finding as it is afterwards
 */
async function note(
  id: string,
  act: Omit<FindingAct, 'at' | 'act'> & { readonly act: keyof typeof stateAfter },
  { findings, now }: Pick<Ports, 'findings' | 'now'>,
  digest?: string,
): Promise<Finding> {
  for (let attempt = 1; attempt <= maxWriteAttempts; attempt++) {
    const { value, etag } = await readFinding(id, { findings });
    if (digest !== undefined && value.digest !== digest) {
      throw new FleetError('concurrent-change', `Finding "${id}" has changed since it was read.`);
    }
    if (value.state === 'gone') return value;
    const acts = withAct(value.acts, { ...act, at: now().toISOString() });
    const changed: Finding = { ...value, state: stateAfter[act.act] ?? value.state, acts };
    if ((await findings.replace({ value: changed, etag })) !== undefined) return changed;
  }
  throw new FleetError('concurrent-change', `Finding "${id}" changes faster than it can be written.`);
}
