import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FleetError } from '../../../lib/errors.ts';
import { type Log, withLog } from '../../../lib/log.ts';
import { warnOfExpiringCertificates } from '../../../lib/pipeline/warn-of-expiring-certificates.ts';
import { someDevice, someTime } from '../../factories.ts';
import { createWorld, type World } from '../../world.ts';

const inDays = (days: number) => new Date(someTime.getTime() + days * 24 * 60 * 60 * 1000).toISOString();

interface Line {
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

async function warningsOf(world: World, devices = world.services().devices): Promise<Line[]> {
  const lines: Line[] = [];
  const note = (event: string, fields: object = {}) => void lines.push({ event, fields: { ...fields } });
  const log: Log = { info: note, warn: note, error: note };
  await withLog(log, () => warnOfExpiringCertificates({ ...world.services(), devices }));
  return lines;
}

function device(id: string, enrollmentGroup: string, notAfter: string) {
  const identity = {
    sha1Thumbprint: 'A'.repeat(40),
    sha256Thumbprint: 'A'.repeat(64),
    notBefore: someTime.toISOString(),
    notAfter,
  };
  return someDevice({ id, enrollmentGroup, status: 'assigned', identity });
}

describe('the warnings of certificates that end', () => {
  it('have one line per group with the number of devices and the first end', async () => {
    using world = createWorld();
    for (const id of ['line7', 'line8', 'line9']) await world.declare(id, { keyCustody: 'plain' });
    await world.devices.create([
      device('a', 'line7', inDays(29)),
      device('b', 'line7', inDays(3)),
      device('c', 'line7', inDays(31)),
      device('d', 'line7', inDays(-1)),
      device('e', 'line8', inDays(1)),
      device('f', 'line9', inDays(300)),
    ]);
    assert.deepEqual(
      (await warningsOf(world)).toSorted((a, b) => String(a.fields['group']).localeCompare(String(b.fields['group']))),
      [
        {
          event: 'device certificates ending',
          fields: { group: 'line7', devices: 2, earliest: inDays(3), days: 30 },
        },
        {
          event: 'device certificates ending',
          fields: { group: 'line8', devices: 1, earliest: inDays(1), days: 30 },
        },
      ],
    );
  });

  it('leave out devices whose short certificate has most of its life ahead', async () => {
    using world = createWorld();
    await world.declare('short', { keyCustody: 'plain', validityDays: 10 });
    await world.devices.create([device('new', 'short', inDays(9)), device('old', 'short', inDays(0.5))]);
    const [line, ...others] = await warningsOf(world);
    assert.deepEqual(line?.fields, { group: 'short', devices: 1, earliest: inDays(0.5), days: 1 });
    assert.deepEqual(others, []);
  });

  it('are logged for CAs even if the devices cannot be counted, and the run goes on', async () => {
    const later = new Date(someTime.getTime() + 1800 * 24 * 60 * 60 * 1000);
    let time = someTime;
    using world = createWorld({ now: () => time });
    await world.declare('line7', { keyCustody: 'plain' });
    time = later;
    const countEnding = () => Promise.reject(new FleetError('throttled', 'Cosmos DB is throttling this app.'));
    const lines = await warningsOf(world, { ...world.devices, countEnding });
    assert.deepEqual(
      lines.map(({ event }) => event),
      ['certificate ending', 'device certificates not counted'],
    );
  });
});
