import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DeviceCertificate } from '../../../lib/devices/certificate.ts';
import type { DeviceRecord } from '../../../lib/devices/device.ts';
import { FleetError } from '../../../lib/errors.ts';
import { type GroupInput, parseGroupDefinition } from '../../../lib/groups/definition.ts';
import type { EstCaller } from '../../../lib/pipeline/est-caller.ts';
import { checkLimits } from '../../../lib/pipeline/renewal-limits.ts';
import { someDevice, someTime } from '../../factories.ts';
import { createMemoryFindingStore } from '../../memory/finding-store.ts';

const dayMs = 86_400_000;
const estGroup = { keyCustody: 'plain', est: 'fleet' } as const;
const before = (ms: number) => new Date(someTime.getTime() - ms).toISOString();

function certificate(kind: DeviceCertificate['kind'], ageMs: number, more: Partial<DeviceCertificate> = {}) {
  return { kind, serialNumber: '1', request: { sha256: 'x', at: before(ageMs) }, ...more } as DeviceCertificate;
}

interface Given {
  readonly kind?: DeviceCertificate['kind'];
  readonly record?: Partial<DeviceRecord>;
  readonly group?: GroupInput;
  /** Definitions of all groups. Default: the one of the device. */
  readonly groups?: readonly [id: string, definition: GroupInput][];
  /** Renewals in the window so far. */
  readonly counted?: number;
  readonly perMinute?: number;
  readonly more?: object;
}

async function check({
  kind = 'identity',
  record = {},
  group = estGroup,
  groups = [['line7', group]],
  counted = 0,
  perMinute = 100,
  more = {},
}: Given) {
  const directory = new Map(
    groups.map(([id, input]) => {
      const definition = parseGroupDefinition(id, input);
      return [id, { value: { id, definition, issuingCas: [] }, etag: '' }];
    }),
  );
  const windows: number[] = [];
  const findings = createMemoryFindingStore();
  const ports = {
    groups: { directory: async () => directory },
    findings,
    deployment: { dpsOperationsPerMinute: perMinute, usesKeyVault: false },
    now: () => someTime,
    renewalRate: {
      count: async (_group: string, window: number) => {
        windows.push(window);
        return counted + 1;
      },
    },
    ...more,
  };
  const definition = parseGroupDefinition('line7', group);
  const value = someDevice({ status: 'assigned', ...record });
  const error = await checkLimits(
    kind,
    { definition, record: { value, etag: '' } } as unknown as EstCaller,
    ports as never,
  ).then(
    () => undefined,
    (thrown: FleetError) => thrown,
  );
  return { error, windows, found: findings.all().map((each) => each.kind) };
}

describe('a device that asks for certificates', () => {
  const of = (count: number, ageMs: number, kind: DeviceCertificate['kind'] = 'est-id') => ({
    record: { certificates: Array.from({ length: count }, () => certificate(kind, ageMs)) },
  });

  it('gets fewer than 10 of a kind in a day', async () => {
    const asked = async (given: Given) => (await check({ kind: 'est-id', ...given })).error?.code;
    assert.equal(await asked(of(9, 0)), undefined);
    assert.equal(await asked(of(10, 0)), 'renewal-too-often');
    assert.equal(await asked(of(10, dayMs)), 'renewal-too-often');
    assert.equal(await asked(of(10, dayMs + 1)), undefined);
    assert.equal(await asked(of(10, 0, 'edge-ca')), undefined);
    // Those of its bundles do not count.
    const bundled = Array.from({ length: 10 }, () => certificate('est-id', 0, { request: undefined as never }));
    assert.equal(await asked({ record: { certificates: bundled } }), undefined);
  });

  it('gets them in a fifth of their life where that is shorter than a day', async () => {
    const asked = async (ageMs: number) =>
      (await check({ kind: 'est-id', group: { ...estGroup, validityDays: 2 }, ...of(10, ageMs) })).error?.code;
    assert.equal(await asked(0.4 * dayMs), 'renewal-too-often');
    assert.equal(await asked(0.4 * dayMs + 1), undefined);
  });

  it('has a finding when it is refused, and its reason also where that is not kept', async () => {
    const { found, error } = await check({ kind: 'est-id', ...of(10, 0) });
    assert.deepEqual(found, ['renews-too-often']);
    assert.match(error?.message ?? '', /got 10 certificates of kind "est-id" since .*Expected fewer than 10/);
    const findings = { ofSubjects: () => Promise.reject(new FleetError('unavailable', 'Away.')) };
    assert.equal((await check({ kind: 'est-id', ...of(10, 0), more: { findings } })).error?.code, 'renewal-too-often');
  });
});

describe('the identities of a group', () => {
  it('are renewed with half of what DPS takes in 11 minutes', async () => {
    const refused = await check({ counted: 550 });
    assert.deepEqual([refused.error?.code, refused.error?.details.retryAfter], ['throttled', 660]);
    assert.match(refused.error?.message ?? '', /more than 550 identities in 11 minutes/);
    assert.equal((await check({ counted: 549 })).error, undefined);
    assert.deepEqual(refused.windows, [Math.floor(someTime.getTime() / 660_000)]);
  });

  it('share that with the groups of their DPS instance that renew here', async () => {
    const allowed = async (groups: Given['groups'], perMinute = 100) => {
      const { error } = await check({ groups, perMinute, counted: 1_000_000 });
      return Number(/more than (\d+)/.exec(error?.message ?? '')?.[1]);
    };
    const own = ['line7', estGroup] as const;
    assert.equal(await allowed([[...own]]), 550);
    assert.equal(await allowed([[...own], ['line8', estGroup]]), 275);
    assert.equal(await allowed([[...own], ['line8', { keyCustody: 'plain' }]]), 550);
    const elsewhere = { keyCustody: 'plain', est: { url: 'https://est.example.com', identity: true } } as const;
    assert.equal(await allowed([[...own], ['line8', elsewhere]]), 550);
    const without = { keyCustody: 'plain', edgeCa: 'est', est: { url: 'fleet', identity: false } } as const;
    assert.equal(await allowed([[...own], ['line8', without]]), 550);
    assert.equal(await allowed([[...own], ['line8', { ...estGroup, dps: 'west' }]]), 550);
    assert.equal(await allowed([[...own]], 1), 11, 'one per minute at least');
  });

  it('are not counted for first registrations, nor for other kinds', async () => {
    assert.deepEqual(await check({ record: { status: 'provisioned' }, counted: 1_000_000 }), {
      ...{ error: undefined, windows: [], found: [] },
    });
    assert.deepEqual((await check({ kind: 'edge-ca', counted: 1_000_000 })).windows, []);
  });
});
