import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Container, Database, PatchOperation } from '@azure/cosmos';
import { createCosmosDeadLetterStore } from '../../../lib/azure/cosmos-dead-letters.ts';
import { createCosmosDpsCaStore } from '../../../lib/azure/cosmos-dps-cas.ts';
import { createCosmosGroupStore } from '../../../lib/azure/cosmos-groups.ts';
import { createCosmosJobStore } from '../../../lib/azure/cosmos-jobs.ts';
import { createCosmosOutbox } from '../../../lib/azure/cosmos-outbox.ts';
import { createCosmosRenewalRate } from '../../../lib/azure/cosmos-renewal-rate.ts';
import type { OwedEvent } from '../../../lib/outbox.ts';
import { someLetter } from '../../contract/dead-letter-store.ts';

/* Another writer comes between a read and its write. A conditional write is refused then (412), a creation too (409). */

const refused = (code: number) => Object.assign(new Error('overtaken'), { code });

interface Write {
  readonly what: 'create' | 'replace' | 'patch';
  readonly ifMatch: string | undefined;
  readonly body: unknown;
}

type Options = { readonly accessCondition?: { readonly condition: string } };

/**
 * A container with one document at most, of which each version is played: `versions[n]` is there once n writes were refused.
 * The write after the last version succeeds.
 */
function playing(...versions: readonly (object | undefined)[]) {
  const writes: Write[] = [];
  const version = () => Math.min(writes.length, versions.length - 1);
  const current = () => versions[version()];
  async function write({ what, ifMatch, body }: Write): Promise<object> {
    const isLast = writes.length === versions.length - 1;
    writes.push({ what, ifMatch, body });
    if (!isLast) throw refused(what === 'create' ? 409 : 412);
    return { etag: '"written"', resource: {} };
  }
  const item = {
    read: async () => {
      const found = current();
      return { resource: found && { ...found, _etag: `"${version()}"` } };
    },
    replace: (body: unknown, { accessCondition }: Options) =>
      write({ what: 'replace', ifMatch: accessCondition?.condition, body }),
    patch: (body: unknown, { accessCondition }: Options = {}) =>
      write({ what: 'patch', ifMatch: accessCondition?.condition, body }),
  };
  const items = { create: (body: unknown) => write({ what: 'create', ifMatch: undefined, body }) };
  return { container: { item: () => item, items } as unknown as Container, writes };
}

/** Every write is refused. */
const contested = (document: object | undefined) => playing(...Array.from({ length: 100 }, () => document));

describe('events that were sent', () => {
  const event = (id: string) => ({ id, time: `2026-11-27T00:00:0${id.length}.000Z` }) as OwedEvent;
  const [sent, later] = [event('a'), event('bb')];
  const owing = { place: 'devices/gw-1', id: 'gw-1', etag: '"of the page"', events: [sent] };
  const settle = (container: Container) => {
    const names: string[] = [];
    const open = (name: string) => {
      names.push(name);
      return container;
    };
    const database = { container: open } as unknown as Database;
    return createCosmosOutbox(database)
      .settle([owing])
      .then(() => names);
  };
  const paths = ({ body }: Write) => (body as PatchOperation[]).map(({ op, path }) => `${op} ${path}`);

  it('are taken off the version that owed them', async () => {
    const { container, writes } = playing({ outbox: [sent] });
    assert.deepEqual(await settle(container), ['devices']);
    assert.deepEqual(writes.map(paths), [['remove /outbox', 'remove /owedSince']]);
    assert.equal(writes[0]?.ifMatch, '"of the page"');
  });

  it('are taken off the version that is there, which keeps those that it owes since', async () => {
    const { container, writes } = playing({}, { outbox: [sent, later] });
    await settle(container);
    assert.deepEqual(writes.map(paths), [
      ['remove /outbox', 'remove /owedSince'],
      ['set /outbox', 'set /owedSince'],
    ]);
    assert.deepEqual(
      [writes[1]?.ifMatch, writes[1]?.body],
      [
        '"1"',
        [
          { op: 'set', path: '/outbox', value: [later] },
          { op: 'set', path: '/owedSince', value: later.time },
        ],
      ],
    );
  });

  it('are not written again where another worker has taken them off, or where the document is gone', async () => {
    for (const version of [{ outbox: [later] }, {}, undefined]) {
      const { container, writes } = playing({}, version);
      await settle(container);
      assert.equal(writes.length, 1, JSON.stringify(version));
    }
  });

  it('are given up where their document changes at each look', async () => {
    const { container, writes } = contested({ outbox: [sent] });
    await assert.rejects(settle(container), { code: 'concurrent-change' });
    assert.equal(writes.length, 20);
  });
});

describe('the list of CAs of a DPS instance', () => {
  const list = (second: number) => ({ seenAt: `2026-11-27T00:00:0${second}.000Z`, certificates: [] });
  const keep = (container: Container, second = 5) => createCosmosDpsCaStore(container).keep(list(second));

  it('is written over an older one that another worker stored meanwhile', async () => {
    const { container, writes } = playing(undefined, list(4));
    await keep(container);
    assert.deepEqual(
      writes.map(({ what, ifMatch }) => [what, ifMatch]),
      [
        ['create', undefined],
        ['replace', '"1"'],
      ],
    );
  });

  it('is left where another worker stored a newer one, or one of the same time', async () => {
    for (const second of [5, 6]) {
      const { container, writes } = playing(list(1), list(second));
      await keep(container);
      assert.equal(writes.length, 1);
    }
  });

  it('is given up where it changes at each look', async () => {
    const { container, writes } = contested(list(1));
    await assert.rejects(keep(container), { code: 'concurrent-change' });
    assert.equal(writes.length, 20);
  });
});

describe('the root CA', () => {
  const keep = (container: Container) => createCosmosGroupStore(container).keepRoot({ certificatePem: 'ours' });

  it('is the one that another worker stored first', async () => {
    const { container } = playing(undefined, { id: '_root', certificatePem: 'theirs' });
    assert.deepEqual(await keep(container), { value: { certificatePem: 'theirs' }, etag: '"1"' });
  });

  it('is not known where the first one was deleted meanwhile', async () => {
    const { container } = playing(undefined, undefined, undefined);
    await assert.rejects(keep(container), { code: 'concurrent-change' });
  });
});

describe('a counter of renewals', () => {
  /** Patches and creations are answered in turn. */
  function answering(...answers: readonly (object | number)[]) {
    const calls: string[] = [];
    const answer = (what: string) => async () => {
      const next = answers[calls.length];
      calls.push(what);
      if (typeof next === 'number') throw refused(next);
      return next;
    };
    const container = { item: () => ({ patch: answer('patch') }), items: { create: answer('create') } };
    return { calls, rate: createCosmosRenewalRate(container as unknown as Container) };
  }

  it('that another worker creates first is counted up after that', async () => {
    const { rate, calls } = answering(404, 409, { resource: { renewals: 2 } });
    assert.equal(await rate.count('line7', 1), 2);
    assert.deepEqual(calls, ['patch', 'create', 'patch']);
  });

  it('that cannot be written is an error, and not a first renewal', async () => {
    for (const answers of [[429], [404, 429]]) {
      const { rate } = answering(...answers);
      await assert.rejects(rate.count('line7', 1), { code: 'throttled' });
    }
  });
});

describe('the claims of a part', () => {
  const document = (...serialNumbers: readonly (readonly [string, string])[]) => ({ serialNumbers });
  const wanted = new Map([
    ['gw-1', '1'],
    ['gw-2', '2'],
  ]);
  const claim = (container: Container) => createCosmosJobStore(container).claim('a'.repeat(24), 'chunk-00000', wanted);

  it('are new where none were stored', async () => {
    const { container, writes } = playing(undefined);
    assert.deepEqual(await claim(container), { serialNumbers: wanted, hasPriorClaims: false });
    assert.deepEqual(
      writes.map(({ what }) => what),
      ['create'],
    );
  });

  it('keep a serial number that another delivery stored, and add the others', async () => {
    const { container, writes } = playing(undefined, document(['gw-1', '9']));
    const { serialNumbers, hasPriorClaims } = await claim(container);
    assert.deepEqual([...serialNumbers].sort(), [
      ['gw-1', '9'],
      ['gw-2', '2'],
    ]);
    assert.equal(hasPriorClaims, true);
    assert.deepEqual([writes[1]?.what, writes[1]?.ifMatch], ['replace', '"1"']);
  });

  it('are not written again where all are stored', async () => {
    const { container, writes } = playing(undefined, document(['gw-1', '9'], ['gw-2', '8']));
    const { serialNumbers } = await claim(container);
    assert.deepEqual([...serialNumbers.values()].sort(), ['8', '9']);
    assert.equal(writes.length, 1);
  });

  it('are given up where they change at each look', async () => {
    const { container } = contested(document(['gw-1', '9']));
    await assert.rejects(claim(container), { code: 'concurrent-change' });
  });
});

describe('a dead letter', () => {
  const letter = someLetter('a', 'chunks');

  it('that arrives at the same moment in another worker is counted twice', async () => {
    const { container, writes } = playing(undefined, { ...letter, times: 1, type: 'letter' });
    await createCosmosDeadLetterStore(container).put(letter);
    assert.deepEqual(
      writes.map(({ what, body }) => [what, (body as { times: number }).times]),
      [
        ['create', 1],
        ['replace', 2],
      ],
    );
  });

  it('is given up where it changes at each look', async () => {
    const { container, writes } = contested({ ...letter, times: 1, type: 'letter' });
    await assert.rejects(createCosmosDeadLetterStore(container).put(letter), { code: 'concurrent-change' });
    assert.equal(writes.length, 20);
  });
});
