import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import { ExtendedKeyUsage, Extension, id_ce_extKeyUsage, id_kp_clientAuth } from '@peculiar/asn1-x509';
import type { Stack } from '../../infra/local/stack.ts';
import { makeRequestDer } from '../lib/pki/make-request.ts';
import { type Credential, register } from './device.ts';
import { askEst, type EstAnswer, keyName } from './est-door.ts';
import type { Random } from './random.ts';
import type { RequestBook, RequestedKind } from './request-book.ts';

/** How a device behaves. Probabilities, 0 to 1. */
export interface Habits {
  /** It behaves like IoT Edge: it signs in to the EST server with an `est-id`, which it gets there first. */
  readonly isGateway: boolean;
  /** Its key is RSA-2048, as IoT Edge makes it. Slow to make. */
  readonly usesRsa: boolean;
  /** It sends a request twice at the same time. */
  readonly twice: number;
  /** It gives up after some milliseconds, and asks again with another key. */
  readonly impatient: number;
  /** It loses power when the answer is there and not stored. */
  readonly loses: number;
}

export interface RenewingDevice {
  readonly id: string;
  /** The newest identity that it was given and has stored. */
  readonly identity: Credential;
  /** Identities that it had before, oldest first. */
  readonly former: readonly Credential[];
  readonly estUrl: string;
  /** Gets another identity, registers with it, and stores it. */
  renew(): Promise<void>;
}

export interface DeviceOptions {
  /** The credential of its bundle. */
  readonly bundle: Credential;
  readonly habits: Habits;
  readonly estUrl: string;
  readonly random: Random;
  readonly stack: Pick<Stack, 'dps'>;
  readonly book: RequestBook;
  readonly addProblem: (problem: string) => void;
}

/** A key and a request with it. It is sent again until it is answered, or until the device gives it up. */
interface KeptRequest {
  readonly key: string;
  readonly keyPem: string;
  readonly der: Buffer;
}

interface Delivery {
  /** Milliseconds. Undefined: it waits. */
  readonly giveUpAfter: number | undefined;
  /** The device has given up no request of this kind. */
  readonly isOnly: boolean;
}

/** Milliseconds for one certificate. Longer than the kills of the long form take. */
const longest = 600_000;

/** Requests that a device makes for one certificate at most: the server gives it ten of a kind in a day. */
const mostRequests = 4;

/** Answers after which a device asks again: nothing was decided. */
const undecided = [429, 500, 502, 503, 504];

/**
 * The refusal of a request, because another one of the device came after it (test/lib/pipeline/renew-overtaken.test.ts). It is right
 * only for a device that has given a request up: a delivery of that can come late, and the server cannot know which is the newer.
 */
const overtaken = /made another request, since this one|made another request since|before a later request/;

const clientAuth = new Extension({
  extnID: id_ce_extKeyUsage,
  extnValue: new OctetString(AsnConvert.serialize(new ExtendedKeyUsage([id_kp_clientAuth]))),
});

export function createRenewingDevice(options: DeviceOptions): RenewingDevice {
  const { bundle, habits, estUrl, random, stack, book, addProblem } = options;
  const { deviceId } = bundle;
  const former: Credential[] = [];
  let identity: Credential = bundle;
  let estId: Credential | undefined;
  let lastAnswer = 'none';
  /** A delivery of a request that was given up can come as late as the next renewal. */
  const givenUp = new Set<RequestedKind>();

  function newRequest(kind: RequestedKind): KeptRequest {
    const { privateKey, publicKey } =
      habits.usesRsa && kind === 'identity'
        ? generateKeyPairSync('rsa', { modulusLength: 2048 })
        : generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const extensions = kind === 'est-id' ? [clientAuth] : [];
    return {
      key: keyName(publicKey),
      keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      der: makeRequestDer({ privateKey, publicKey, commonName: deviceId, extensions }),
    };
  }

  /** Only the leaf, as IoT Edge does; and the front end passes on nothing else. */
  function presented(): { readonly leafPem: string; readonly keyPem: string } {
    const { chainPem, keyPem } = (habits.isGateway ? estId : undefined) ?? identity;
    return { leafPem: new X509Certificate(chainPem).toString(), keyPem };
  }

  /** One delivery: the request and the CA certificates at the same time. If one of them fails, both do. */
  async function deliver(kind: RequestedKind, request: KeptRequest, { giveUpAfter, isOnly }: Delivery) {
    const operation = habits.isGateway ? 'simpleenroll' : 'simplereenroll';
    const limits = giveUpAfter === undefined ? {} : { giveUpAfter };
    book.sent(deviceId, kind, request.key);
    const [enrolled, cas] = await Promise.all([
      askEst(presented(), estUrl, operation, { requestDer: request.der, ...limits }),
      askEst(presented(), estUrl, 'cacerts', limits),
    ]);
    const isOvertaken = !isOnly && enrolled?.status === 403 && overtaken.test(enrolled.reason);
    if (isOvertaken) book.refused(enrolled.status);
    for (const answer of isOvertaken ? [cas] : [enrolled, cas]) note(kind, answer);
    if (isOvertaken) return 'overtaken';
    const [leaf, ...others] = enrolled?.certificates ?? [];
    if (leaf === undefined) return undefined;
    book.answered(request.key, leaf);
    if (others.length > 0) addProblem(`${deviceId} was answered with ${others.length + 1} certificates`);
    if (keyName(leaf.publicKey) !== request.key) addProblem(`${deviceId} was given a certificate of another key`);
    if (cas?.status !== 200) return undefined;
    const chain = [leaf, ...cas.certificates];
    if (!isChain(chain)) addProblem(`${deviceId} was given a certificate and CA certificates that are no chain`);
    const serialNumber = leaf.serialNumber.toLowerCase();
    return { deviceId, serialNumber, chainPem: chain.map(String).join('\n'), keyPem: request.keyPem };
  }

  function note(kind: RequestedKind, answer: EstAnswer | undefined): void {
    lastAnswer = answer === undefined ? 'a broken connection' : `${answer.status} ${answer.reason}`;
    if (answer?.status === 200) return;
    book.refused(answer?.status);
    if (answer !== undefined && !undecided.includes(answer.status))
      addProblem(`${deviceId} asked for its ${kind} and was refused (${answer.status}): ${answer.reason}`);
    if (answer?.status === 429 && answer.reason.includes(deviceId))
      addProblem(`${deviceId} asked too often: ${answer.reason}`);
  }

  async function obtain(kind: RequestedKind): Promise<Credential> {
    let request = newRequest(kind);
    for (let since = Date.now(), made = 1; Date.now() - since < longest; ) {
      const isImpatient = random.chance(habits.impatient);
      const giveUpAfter = isImpatient ? random.between(20, 300) : undefined;
      const deliveries = random.chance(habits.twice) ? 2 : 1;
      const delivery = { giveUpAfter, isOnly: !givenUp.has(kind) };
      const given = await Promise.all(Array.from({ length: deliveries }, () => deliver(kind, request, delivery)));
      const [credential] = given.filter((each) => each !== undefined && each !== 'overtaken');
      if (credential !== undefined && !random.chance(habits.loses)) return credential;
      // An overtaken request is never answered.
      const asksAnew = made < mostRequests && (isImpatient || random.chance(0.5));
      if (asksAnew || given.includes('overtaken')) {
        givenUp.add(kind);
        request = newRequest(kind);
        made += 1;
      }
      await sleep(random.between(100, 1_000));
    }
    throw new Error(`${deviceId} got no ${kind} within ${longest / 1000} s. The last answer: ${lastAnswer}.`);
  }

  return {
    id: deviceId,
    get identity() {
      return identity;
    },
    former,
    estUrl,
    async renew() {
      if (habits.isGateway) estId = await obtain('est-id');
      const renewed = await obtain('identity');
      if ((await register(renewed, stack.dps)) === undefined)
        addProblem(`DPS refuses the renewed certificate ${renewed.serialNumber} of ${deviceId}`);
      former.push(identity);
      identity = renewed;
    },
  };
}

/** Whether each certificate is signed by the next one, and the last one by itself. */
function isChain(chain: readonly X509Certificate[]): boolean {
  return chain.every((each, index) => each.verify((chain[index + 1] ?? each).publicKey));
}
