import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, it } from 'node:test';
import { readBundle } from '../../infra/local/demo/bundle-files.ts';
import { FleetError } from '../../lib/errors.ts';
import { blockDevice, restoreDevice } from '../../lib/pipeline/block-device.ts';
import { downloadBundle } from '../../lib/pipeline/download-bundle.ts';
import { reconcileRegistrations } from '../../lib/pipeline/reconcile-registrations.ts';
import { renewCertificate } from '../../lib/pipeline/renew-certificate.ts';
import { someTime } from '../factories.ts';
import fc from '../fast-check.ts';
import { estRequest, hub } from '../lib/pipeline/est-world.ts';
import { createOpensslCa } from '../openssl-ca.ts';
import { createWorld, type World } from '../world.ts';

/*
 * Devices ask the EST server in any order, with any certificate, request and URL, while they register, are blocked and time
 * passes. A model of the rule, written here, says what is expected: refused, the same certificate again, or a new one.
 */

const day = 86_400_000;
const windowDays = 30;
const groups = { 'gw-1': 'line7', 'gw-2': 'line7', 'gw-3': 'line8' } as const;
type DeviceId = keyof typeof groups;
const ids = Object.keys(groups) as DeviceId[];
const kinds = ['identity', 'est-id', 'edge-ca'] as const;
type Kind = (typeof kinds)[number];

interface Request {
  /** Unique. */
  readonly name: string;
  /** The device that its common name says. */
  readonly deviceId: DeviceId;
  readonly kind: Kind;
  readonly body: Buffer;
}

/** A certificate, and what the rule has to know of it. */
interface Certificate {
  readonly leaf: X509Certificate;
  readonly kind: Kind;
  readonly issuedAt: number;
  /** Name of the request that it answers. */
  readonly request?: string;
  /** The device registered with it while it was the newest. */
  isConfirmed: boolean;
  /** At most two of a kind. */
  isLive: boolean;
}

/** The state of a device, as far as the rule uses it. */
class Device {
  readonly id: DeviceId;
  readonly group: string;
  access: 'open' | 'suspended' | 'revoked' = 'open';
  /** Newest first. */
  certificates: Certificate[];
  /** The latest request of each kind. */
  readonly latest = new Map<Kind, string>();

  constructor(id: DeviceId, bundle: X509Certificate) {
    this.id = id;
    this.group = groups[id];
    this.certificates = [
      { leaf: bundle, kind: 'identity', issuedAt: someTime.getTime(), isConfirmed: false, isLive: true },
    ];
  }

  of(kind: Kind): Certificate[] {
    return this.certificates.filter((each) => each.kind === kind);
  }

  /**
   * A certificate is good until a newer one of its kind was used: an identity by a registration, an est-id by signing in.
   * An est-id that was never used is not good when a newer one was issued: the device has that, or the one that it uses.
   */
  isGood(certificate: Certificate): boolean {
    if (certificate.isLive) return true;
    const all = this.of(certificate.kind);
    const newer = all.slice(0, all.indexOf(certificate));
    return certificate.kind === 'identity' && !newer.some((each) => each.isConfirmed);
  }

  /** @returns `refused`, `new`, or the certificate that it was given before */
  expected({ presents, request, label, now }: Ask): 'refused' | 'new' | Certificate {
    if (label !== `${this.group}~1` || this.access !== 'open') return 'refused';
    const presented = this.certificates.find(({ leaf }) => leaf === presents);
    if (presented === undefined || !this.isGood(presented)) return 'refused';
    if (now > Date.parse(presents.validTo) + windowDays * day) return 'refused';
    if (request.deviceId !== this.id || request.kind === 'edge-ca') return 'refused';
    const answer = this.certificates.find((each) => each.request === request.name);
    if (answer === undefined) return 'new';
    if (!answer.isLive) return 'refused';
    // A client that keeps its key sends the same request at each renewal.
    const isRenewal = now > (answer.issuedAt + Date.parse(answer.leaf.validTo)) / 2;
    if (isRenewal) return 'new';
    return this.latest.get(request.kind) === request.name ? answer : 'refused';
  }

  issued({ presents, request: { name, kind }, now }: Ask, leaf: X509Certificate): void {
    const presented = this.certificates.find((each) => each.leaf === presents);
    if (presented?.kind === 'est-id') {
      const estIds = this.of('est-id');
      for (const older of estIds.slice(estIds.indexOf(presented) + 1)) older.isLive = false;
    }
    const before = this.of(kind).filter(({ isLive }) => isLive);
    const kept = kind === 'identity' ? (before.find(({ isConfirmed }) => isConfirmed) ?? before[0]) : before.at(-1);
    for (const each of before) each.isLive = each === kept;
    this.certificates.unshift({ leaf, kind, issuedAt: now, request: name, isConfirmed: false, isLive: true });
    this.latest.set(kind, name);
  }

  registered(certificate: Certificate): void {
    const [newest, ...others] = this.of('identity');
    if (certificate !== newest) return;
    newest.isConfirmed = true;
    for (const each of others) each.isLive = false;
  }
}

interface Ask {
  readonly presents: X509Certificate;
  readonly request: Request;
  readonly label: string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

type Step =
  | {
      readonly step: 'ask';
      readonly device: DeviceId;
      readonly presents: { readonly of: DeviceId | 'stranger' | 'unnamed'; readonly back: number };
      /** A request that was made before, or the next new one. */
      readonly request: { readonly of: DeviceId; readonly kind: Kind; readonly again?: number | undefined };
      readonly label: string;
    }
  | { readonly step: 'register'; readonly device: DeviceId; readonly back: number }
  | { readonly step: 'suspend' | 'restore' | 'revoke'; readonly device: DeviceId }
  | { readonly step: 'wait'; readonly days: number };

const device = fc.constantFrom(...ids);
/** How many certificates or requests back: mostly the newest. */
const back = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 4 }));

/** Mostly what a device does; in parts, anything. */
const ask: fc.Arbitrary<Step> = device.chain((id) => {
  const own = { weight: 8, arbitrary: fc.constant(id) };
  return fc.record({
    step: fc.constant('ask' as const),
    device: fc.constant(id),
    presents: fc.record({ of: fc.oneof(own, fc.constantFrom(...ids, 'stranger', 'unnamed')), back }),
    request: fc.record({
      of: fc.oneof(own, device),
      kind: fc.constantFrom('identity', 'identity', 'identity', 'est-id', 'est-id', 'edge-ca'),
      again: fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined, freq: 3 }),
    }),
    label: fc.oneof(
      { weight: 12, arbitrary: fc.constant(`${groups[id]}~1`) },
      fc.constantFrom('line7~1', 'line8~1', 'line7~2', 'line9~1', 'line7', '~1', 'line7~1~1'),
    ),
  });
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 10, arbitrary: ask },
  { weight: 4, arbitrary: fc.record({ step: fc.constant('register' as const), device, back }) },
  { weight: 1, arbitrary: fc.record({ step: fc.constantFrom('suspend', 'restore', 'revoke'), device }) },
  { weight: 2, arbitrary: fc.record({ step: fc.constant('wait' as const), days: fc.constantFrom(1, 100, 200, 366) }) },
);

/** Enough for the longest list of steps. They are made once: a key takes time. */
const requestsEach = 26;
const made = new Map<string, Request[]>();
let stranger: X509Certificate;
/** One for all runs: CA keys take time too. Each run sets the records back. */
let shared: Awaited<ReturnType<typeof openWorld>>;
const listOf = (id: DeviceId, kind: Kind) => made.get(`${id} ${kind}`) ?? [];

before(async () => {
  for (const deviceId of ids)
    for (const kind of kinds) {
      const all = Array.from({ length: requestsEach }, async (_, index): Promise<Request> => {
        const body = await estRequest({ kind, commonName: kind === 'edge-ca' ? `${deviceId} edge CA` : deviceId });
        return { name: `${deviceId} ${kind} ${index}`, deviceId, kind, body };
      });
      made.set(`${deviceId} ${kind}`, await Promise.all(all));
    }
  using ca = createOpensslCa();
  const issuer = ca.issue({ subject: '/CN=Stranger' });
  stranger = new X509Certificate(ca.issue({ subject: '/CN=gw-1', issuer, extensions: [] }).pem);
  shared = await openWorld();
});
after(() => shared.world[Symbol.dispose]());

it('a device gets a certificate exactly when the rule says so', () =>
  fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25, size: 'max' }), async (steps) => {
      const run = await openRun();
      for (const each of steps) await run.take(each);
    }),
    { numRuns: 150 },
  ));

/** A world with the devices as they are when nothing has asked yet. */
async function openWorld() {
  const clock = { now: someTime.getTime() };
  const world = createWorld({ now: () => new Date(clock.now) });
  const est = { url: 'fleet', identity: true, renewExpiredWithinDays: windowDays };
  const issuingCa = { validityDays: 7300 };
  for (const id of ['line7', 'line8']) {
    await world.declare(id, { keyCustody: 'plain', est, issuingCa } as never);
    const rows = ids.filter((each) => groups[each] === id);
    await world.upload(`${id}/list.csv`, `deviceId\n${rows.join('\n')}\n`);
  }
  await world.settle();
  const leaves = new Map<DeviceId, X509Certificate>();
  for (const id of ids) leaves.set(id, await bundleLeaf(world, id));
  const records = new Map(ids.map((id) => [id, world.devices.records.get(id) ?? assert.fail()]));

  async function reset(): Promise<void> {
    clock.now = someTime.getTime();
    world.enrollments.registrations.clear();
    world.enrollments.entries.individuals.clear();
    world.identities.devices.clear();
    for (const [id, { value, etag }] of await world.devices.read(ids))
      await world.devices.replace([{ value: records.get(id as DeviceId) ?? value, etag }]);
  }

  // A certificate for gw-1 by the CA of its group that no record names.
  const call = { label: 'line7~1', leaf: leaves.get('gw-1') ?? assert.fail() };
  const body = await estRequest({ commonName: 'gw-1' });
  const unnamed = new X509Certificate(await renewCertificate({ ...call, body }, world.services()));
  return { world, clock, leaves, unnamed, reset };
}

async function bundleLeaf(world: World, id: string): Promise<X509Certificate> {
  const { body } = await downloadBundle(id, 'Ann', world.services());
  const files = await readBundle(body);
  return new X509Certificate(files.get('certs/device-identity.full-chain.pem')?.body ?? '');
}

/** The world, set back, beside the model of its devices. */
async function openRun() {
  const { world, clock, leaves, unnamed, reset } = shared;
  await reset();
  const devices = new Map(ids.map((id) => [id, new Device(id, leaves.get(id) ?? assert.fail())]));
  const deviceOf = (id: DeviceId) => devices.get(id) ?? assert.fail();
  const used = new Map<string, number>();
  const record = (id: DeviceId) => structuredClone(world.devices.records.get(id));

  function presentedBy({ of, back: steps }: { of: DeviceId | 'stranger' | 'unnamed'; back: number }) {
    if (of === 'stranger') return stranger;
    if (of === 'unnamed') return unnamed;
    const { certificates } = deviceOf(of);
    return (certificates[steps] ?? certificates.at(-1) ?? assert.fail()).leaf;
  }

  function requestOf({ of, kind, again }: { of: DeviceId; kind: Kind; again?: number | undefined }): Request {
    const key = `${of} ${kind}`;
    const count = used.get(key) ?? 0;
    const index = again === undefined || again >= count ? count : count - 1 - again;
    used.set(key, Math.max(count, index + 1));
    return listOf(of, kind)[index] ?? assert.fail('too few requests');
  }

  async function askEst({ device: id, presents, request: wanted, label }: Step & { step: 'ask' }): Promise<void> {
    // The certificate says which device asks.
    const isNamed = presents.of !== 'stranger' && presents.of !== 'unnamed';
    const asking = deviceOf(isNamed ? (presents.of as DeviceId) : id);
    const ask: Ask = { presents: presentedBy(presents), request: requestOf(wanted), label, now: clock.now };
    const expected = asking.expected(ask);
    const records = ids.map(record);
    const { body } = ask.request;
    const answer = await renewCertificate({ label, leaf: ask.presents, body }, world.services()).catch(
      (error) => error,
    );
    if (answer instanceof Error) {
      assert.ok(answer instanceof FleetError, answer.stack);
      assert.equal(expected, 'refused', `refused: ${answer.message}`);
      const codes = ['renewal-refused', 'csr-invalid', 'device-suspended', 'device-revoked'];
      assert.ok(codes.includes(answer.code), `${answer.code}: ${answer.message}`);
      // It lands in the journal of the device.
      assert.match(answer.message, /^[^\n]{10,300}$/);
      assert.deepEqual(ids.map(record), records);
      return;
    }
    assert.notEqual(expected, 'refused', `${asking.id} was given a certificate`);
    const leaf = new X509Certificate(answer);
    assert.equal(leaf.subject, `CN=${asking.id}`);
    if (typeof expected === 'object') {
      assert.equal(leaf.fingerprint256, expected.leaf.fingerprint256);
      assert.deepEqual(ids.map(record), records);
      return;
    }
    const known = [...devices.values()].flatMap(({ certificates }) => certificates);
    assert.ok(!known.some((each) => each.leaf.serialNumber === leaf.serialNumber), 'a known certificate');
    asking.issued(ask, leaf);
    const live = (record(asking.id)?.certificates ?? []).filter(({ state }) => state === 'live');
    for (const kind of kinds) assert.ok(live.filter((each) => each.kind === kind).length <= 2, `live ${kind}`);
  }

  async function register({ device: id, back: steps }: Step & { step: 'register' }): Promise<void> {
    const registering = deviceOf(id);
    const identities = registering.of('identity');
    const certificate = identities[steps] ?? identities[0] ?? assert.fail();
    // DPS takes what has not expired.
    if (registering.access !== 'open' || clock.now > Date.parse(certificate.leaf.validTo)) return;
    const at = new Date(clock.now).toISOString();
    const registration = { status: 'assigned', assignedHub: hub, at } as const;
    world.enrollments.registrations.set(registering.group, [{ deviceId: id, registration }]);
    const thumbprints = [certificate.leaf.fingerprint256.replaceAll(':', '')];
    world.identities.devices.set(`${hub}/${id}`, { status: 'enabled', thumbprints } as never);
    await reconcileRegistrations(world.services());
    registering.registered(certificate);
  }

  async function changeAccess({ step: act, device: id }: { step: 'suspend' | 'restore' | 'revoke'; device: DeviceId }) {
    const changing = deviceOf(id);
    const reason = { by: 'Ann', reason: 'test' };
    if (act === 'restore') {
      if (changing.access !== 'suspended') return;
      assert.notEqual((await restoreDevice(id, reason, world.services())).status, 'opening');
      changing.access = 'open';
    } else if (changing.access !== 'revoked') {
      const kind = act === 'suspend' ? 'suspended' : 'revoked';
      await blockDevice(id, kind, reason, world.services());
      changing.access = kind;
    }
  }

  return {
    async take(each: Step): Promise<void> {
      clock.now += 600_000;
      if (each.step === 'ask') await askEst(each);
      else if (each.step === 'register') await register(each);
      else if (each.step === 'wait') clock.now += each.days * day;
      else await changeAccess(each as never);
    },
  };
}
