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
 * rollover, so the issuing CA changes only when the second of such a pair has come.
 * https://github.com/Azure/iot-identity-service/blob/main/cert/aziot-certd/src/est.rs
 */
const settleSeconds = 10;

/** Seconds from a rollover during which the CA certificates follow the request of the device. */
const followSeconds = 30;

/**
 * The CA by which the EST server issues for the group now.
 * @returns undefined while the group has none
 */
export function issuingCaAtEst(group: GroupRecord, at: Date): IssuingCa | undefined {
  const [current, older] = inForce(group).issuingCas;
  return secondsSinceChange(group, at) < settleSeconds && older !== undefined && new Date(older.notAfter) > at
    ? older
    : current;
}

/** Whether the issuing CA has just changed, so that the CA certificates depend on the request of the device. */
export function isChanging(group: GroupRecord, at: Date): boolean {
  return inForce(group).issuingCas.length > 1 && secondsSinceChange(group, at) < followSeconds;
}

/** DPS gets each change of a group, also that of its CA. Other changes are treated like it, which does no harm. */
function secondsSinceChange({ enrolled }: GroupRecord, at: Date): number {
  return enrolled === undefined ? Number.POSITIVE_INFINITY : (at.getTime() - Date.parse(enrolled.at)) / 1000;
}
