import { X509Certificate } from 'node:crypto';
import pMap from 'p-map';
import { checkRenewalAudit, type RenewedCertificate } from './audit-ledger.ts';
import type { ChaosStack } from './chaos-stack.ts';
import { knock } from './device.ts';
import type { DeviceDocument } from './documents.ts';
import { askEst } from './est-door.ts';
import type { RenewingDevice } from './renewing-device.ts';
import type { RequestBook } from './request-book.ts';
import { readSigned } from './signed-certificates.ts';
import { readDevices } from './stores.ts';

/*
 * Compares what the devices were given with what CA keys signed, and with the records. Uses no code of lib/.
 */

type AddProblem = (problem: string) => void;

/** @returns figures of the run */
export async function checkRenewals(
  chaos: ChaosStack,
  fleet: readonly RenewingDevice[],
  book: RequestBook,
  addProblem: AddProblem,
): Promise<Readonly<Record<string, number>>> {
  const records = new Map((await readDevices(chaos)).map((record) => [record.id, record]));
  const { signed, ...requests } = checkRequests(chaos, records, book, addProblem);
  const audit = await checkRenewalAudit(chaos.stack.storageConnectionString, signed, addProblem);
  const answers = [...book.requests.values()].flatMap((each) => [...each.answers.values()]);
  const given = new Set(answers.map(thumbprint));
  for (const device of fleet) checkRecord(device, records.get(device.id), given, addProblem);
  await pMap(fleet, (device) => tryDoors(chaos, device, addProblem), { concurrency: 16 });
  return { ...requests, ...audit, ...book.counts };
}

/**
 * Each request has a key of its own, so the signed certificates tell which request they answer. All signatures of one request
 * are of one certificate: same serial number, dates and content. The device gets one of them, and always that one; the record
 * names it.
 */
function checkRequests(
  { journal }: ChaosStack,
  records: ReadonlyMap<string, DeviceDocument>,
  { requests }: RequestBook,
  addProblem: AddProblem,
) {
  const byKey = Map.groupBy(readSigned(journal), ({ keySha256 }) => keySha256);
  const signed: RenewedCertificate[] = [];
  const counted = { requests: requests.size, signedRequests: 0, signedTwice: 0, answeredRequests: 0 };
  for (const { key, deviceId, kind, answers } of requests.values()) {
    const own = byKey.get(key) ?? [];
    signed.push(...own.map(({ serialNumber }) => ({ deviceId, serialNumber })));
    if (own.length > 0) counted.signedRequests += 1;
    if (own.length > 1) counted.signedTwice += 1;
    if (answers.size > 0) counted.answeredRequests += 1;
    const contents = new Set(own.map(({ sha256 }) => sha256));
    const what = `the request ${key.slice(0, 12)} of ${deviceId} for its ${kind}`;
    if (contents.size > 1)
      addProblem(`${what} is ${contents.size} certificates: ${own.map(({ serialNumber }) => serialNumber).join(', ')}`);
    if (answers.size > 1) addProblem(`${what} was answered with ${answers.size} certificates`);
    for (const answer of answers.values()) {
      const named = records
        .get(deviceId)
        ?.certificates?.find(({ sha256Thumbprint }) => sha256Thumbprint === thumbprint(answer));
      if (named?.kind !== kind) addProblem(`${what} was answered, and the record names that as ${named?.kind}`);
      if (own[0]?.serialNumber !== answer.serialNumber.toLowerCase())
        addProblem(`${what} was answered with ${answer.serialNumber}, and ${own[0]?.serialNumber} was signed`);
    }
  }
  return { signed, ...counted };
}

const thumbprint = ({ fingerprint256 }: X509Certificate) => fingerprint256.replaceAll(':', '');

/**
 * The newest identity is the one that the device has, it is the only live one, and nothing is awaited. A request that the device
 * gave up can be answered late: then one more certificate is live, which no answer gave to the device.
 */
function checkRecord(
  { id, identity }: RenewingDevice,
  record: DeviceDocument | undefined,
  given: ReadonlySet<string>,
  addProblem: AddProblem,
) {
  const { serialNumber, status, certificates = [], unconfirmedSince } = record ?? {};
  const identities = certificates.filter(({ kind }) => kind === 'identity');
  const live = identities.filter(({ state }) => state === 'live');
  const [late] = live.filter(({ request, sha256Thumbprint }) => request !== undefined && !given.has(sha256Thumbprint));
  const used = live.filter((each) => each !== late);
  const isLate = late !== undefined && late.serialNumber === serialNumber;
  if (!isLate && serialNumber !== identity.serialNumber)
    addProblem(`${id} has identity ${identity.serialNumber}, its record (${status}) has ${serialNumber}`);
  if (late === undefined && unconfirmedSince !== undefined)
    addProblem(`${id} registered, and its record waits since ${unconfirmedSince}`);
  if (used.length !== 1 || used[0]?.serialNumber !== identity.serialNumber)
    addProblem(`${id} has ${live.length} live identities: ${live.map((each) => each.serialNumber).join(', ')}`);
  const estIds = certificates.filter(({ kind, state }) => kind === 'est-id' && state === 'live');
  if (estIds.length > 2) addProblem(`${id} has ${estIds.length} live certificates for the EST server`);
}

/** DPS and the EST server take the newest identity. The EST server takes none that was replaced. */
async function tryDoors({ stack }: ChaosStack, device: RenewingDevice, addProblem: AddProblem): Promise<void> {
  const { id, identity, former, estUrl } = device;
  if ((await knock(identity, stack.dps)) === undefined) addProblem(`${id} is locked out: DPS refuses its identity`);
  const answer = await askEst(leafOf(identity), estUrl, 'cacerts');
  if (answer?.status !== 200)
    addProblem(`${id} is locked out: the EST server refuses its identity (${answer?.status}): ${answer?.reason}`);
  for (const old of former) {
    const refusal = await askEst(leafOf(old), estUrl, 'cacerts');
    if (refusal?.status !== 403)
      addProblem(
        `the EST server answers ${refusal?.status} to identity ${old.serialNumber} of ${id}, which was replaced`,
      );
  }
}

/** Only the leaf, as the front end passes it on. */
function leafOf({ chainPem, keyPem }: { readonly chainPem: string; readonly keyPem: string }) {
  return { leafPem: new X509Certificate(chainPem).toString(), keyPem };
}
