import { X509Certificate } from 'node:crypto';
import { type GroupRecord, type IssuingCa, inForce } from '../groups/group.ts';

/** `Renewal.caGeneration` of a certificate by the CA of `est.idCa` "separate". */
export const estCaGeneration = 0;

/**
 * The CAs whose certificates the EST server takes as the credential of a device of the group, until they end: the issuing
 * CAs, earlier ones that DPS has no more, and the one for est-ids only.
 */
export function trustedAtEst(group: GroupRecord, at: Date): readonly IssuingCa[] {
  const { issuingCas, accepted, retiredCas = [], estCa } = group;
  const all = [...issuingCas, ...(accepted?.issuingCas ?? []), ...retiredCas, ...(estCa === undefined ? [] : [estCa])];
  return all.filter(({ notAfter }) => new Date(notAfter) >= at);
}

/** The CA that issued a certificate. @returns undefined when none of them did */
export function issuerAmong(cas: readonly IssuingCa[], leaf: X509Certificate): IssuingCa | undefined {
  return cas.find(({ certificatePem }) => {
    const ca = new X509Certificate(certificatePem);
    return leaf.checkIssued(ca) && leaf.verify(ca.publicKey);
  });
}

/**
 * Seconds from a rollover until the EST server issues by the new CA. IoT Edge sends its request and asks for the CA
 * certificates at the same time, and stores both answers as one chain. The two may come just before and just after the
 * rollover, so the issuing CA changes only when the second of such a pair has come. By then every instance has read the group
 * again: it keeps groups for 10 seconds (lib/enrollment/group-directory.ts), and DPS has the CA some time before the record says so.
 * https://github.com/Azure/iot-identity-service/blob/main/cert/aziot-certd/src/est.rs
 */
const settleSeconds = 20;

/** Seconds from a rollover during which the CA certificates follow the request of the device. */
const followSeconds = 60;

/**
 * The CA by which the EST server issues for the group now.
 * @returns undefined while the group has none
 */
export function issuingCaAtEst(group: GroupRecord, at: Date): IssuingCa | undefined {
  const [current, older] = inForce(group).issuingCas;
  const isSettled = secondsSinceChange(group, at) >= settleSeconds;
  if (isSettled || older === undefined || new Date(older.notAfter) <= at) return current;
  return group.removingCa?.generation === older.generation ? current : older;
}

/** Whether the issuing CA has just changed, so that the CA certificates depend on the request of the device. */
export function isChanging(group: GroupRecord, at: Date): boolean {
  return inForce(group).issuingCas.length > 1 && secondsSinceChange(group, at) < followSeconds;
}

/** Seconds within which DPS takes a new CA at the latest. What it is sent after that is another change of the group. */
const acceptSeconds = 60 * 60;

/** Seconds since DPS got the current CA. Infinite when that cannot have been of late. */
function secondsSinceChange({ enrolled, issuesSince }: GroupRecord, at: Date): number {
  if (enrolled === undefined || issuesSince === undefined) return Number.POSITIVE_INFINITY;
  const accepted = Date.parse(enrolled.at);
  if (accepted - Date.parse(issuesSince) > acceptSeconds * 1000) return Number.POSITIVE_INFINITY;
  return (at.getTime() - accepted) / 1000;
}
