import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import {
  type Checkpoint,
  readCheckpoint,
  readVerifierKey,
  signCheckpoint,
  verifierKey,
} from '../../../lib/audit/checkpoint.ts';
import { hasWaitingEntries, type SequencerPorts, sequenceAudit } from '../../../lib/audit/sequencer.ts';
import { createSoftwareSigner } from '../../../lib/pki/software-key-store.ts';
import { createLog, logOrigin, logSigner } from './some-log.ts';

/** Every call of a store, counted, and cut off after the n-th has taken effect. */
function cutAfter(ports: SequencerPorts, calls: number): SequencerPorts & { readonly wasCut: () => boolean } {
  let made = 0;
  const cuttable = <T extends object>(store: T): T =>
    new Proxy(store, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== 'function') return member;
        return async (...given: unknown[]) => {
          const value: unknown = await member.apply(target, given);
          made += 1;
          if (made === calls) throw new Error('cut');
          return value;
        };
      },
    });
  return { ...ports, log: cuttable(ports.log), head: cuttable(ports.head), wasCut: () => made >= calls };
}

describe('the sequencer', () => {
  it('takes each entry of the intake once, in order, over runs and segments', async () => {
    const trail = createLog({ blocks: 100 });
    for (const entries of [1, 3, 251, 1, 0, 300, 12]) await trail.grow(entries);
    const verification = await trail.verify();
    assert.deepEqual(verification.findings, []);
    assert.equal(verification.size, 568);
    assert.equal(verification.waiting, 0);
    assert.deepEqual(
      (await trail.entries()).map(({ subject }) => subject['deviceId']),
      Array.from({ length: 568 }, (_, index) => `gw-${index}`),
    );
  });

  it('leaves neither a gap nor a second version of an entry, cut off after any of its calls', async () => {
    let cuts = 0;
    for (let calls = 1; ; calls++) {
      const trail = createLog({ blocks: 200 });
      await trail.grow(250);
      await trail.grow(20, { sequence: false });
      const cut = cutAfter(trail.ports, calls);
      await sequenceAudit(cut).catch(() => undefined);
      if (!cut.wasCut()) break;
      cuts += 1;
      const between = await trail.verify();
      // A copy of the checkpoint can be ahead of the checkpoint until the next run.
      assert.deepEqual(
        between.findings.filter(({ where }) => where !== 'checkpoints/270'),
        [],
        `after call ${calls}`,
      );
      assert.ok(between.size === 250 || between.size === 270);
      await trail.grow(3);
      const after = await trail.verify();
      assert.deepEqual([after.size, after.waiting, after.findings], [273, 0, []], `after call ${calls}`);
    }
    assert.ok(cuts > 12, `${cuts} cuts`);
  });

  it('does no harm beside a second one that has the lock too', async () => {
    const trail = createLog();
    await trail.grow(100);
    await trail.grow(400, { sequence: false });
    await Promise.all([sequenceAudit(trail.ports), sequenceAudit(trail.ports), sequenceAudit(trail.ports)]);
    const { size, findings } = await trail.verify();
    assert.deepEqual([size, findings], [500, []]);
  });

  it('adds nothing to a log that was changed', async () => {
    for (const path of ['tile/0/000.p/5', 'tile/entries/000.p/5', 'checkpoint']) {
      const trail = createLog();
      await trail.grow(5);
      const body = Buffer.from(trail.head.blobs.get(path) ?? '');
      body[body.length - 20] = (body.at(-20) ?? 0) ^ 1;
      const { metadata = {}, etag = '' } = (await trail.head.properties(path)) ?? {};
      await trail.head.replace(path, body, { contentType: 'text/plain', metadata, etag });
      await assert.rejects(trail.grow(1), { code: 'audit-damaged' }, path);
    }
  });

  it('adds nothing to a log of which a part is missing', async () => {
    for (const [path, message] of [
      ['tile/0/000.p/5', /tile\/0\/000\.p\/5 is missing or cut off/],
      ['tile/entries/000.p/5', /tile\/entries\/000\.p\/5 does not have the entries/],
    ] as const) {
      const trail = createLog();
      await trail.grow(5);
      trail.head.delete(path);
      await assert.rejects(trail.grow(1), { code: 'audit-damaged', message }, path);
    }
    const cut = createLog();
    await cut.grow(5);
    await cut.log.write('intake/000000', Buffer.from('{}\n'), { contentType: 'text/plain' });
    await assert.rejects(sequenceAudit(cut.ports), {
      code: 'audit-damaged',
      message: /is shorter than what was taken/,
    });
  });

  it('adds nothing where the place in the intake is of another size than the checkpoint', async () => {
    const trail = createLog();
    await trail.grow(5);
    const { metadata = {}, etag = '' } = (await trail.head.properties('checkpoint')) ?? {};
    const body = trail.head.blobs.get('checkpoint') ?? Buffer.alloc(0);
    await trail.head.replace('checkpoint', body, {
      contentType: 'text/plain',
      metadata: { ...metadata, size: '4' },
      etag,
    });
    await assert.rejects(trail.grow(1), { code: 'audit-damaged', message: /have different sizes/ });
  });

  it('publishes no checkpoint beside another one of its size', async () => {
    const trail = createLog();
    await trail.log.write('checkpoints/3', Buffer.from('other'), { contentType: 'text/plain' });
    await assert.rejects(trail.grow(3), { code: 'audit-damaged', message: /checkpoints\/3 is not the checkpoint/ });
    assert.equal(trail.head.blobs.has('checkpoint'), false);
  });

  it('adds nothing after 4 MiB without the end of a line, and waits for one before', async () => {
    const trail = createLog();
    const size = 4 * 1024 * 1024;
    await trail.segments.append('intake/000000', Buffer.alloc(size - 1, 'x'));
    assert.equal(await sequenceAudit(trail.ports), 0);
    await trail.segments.append('intake/000000', Buffer.from('x'));
    await assert.rejects(sequenceAudit(trail.ports), {
      code: 'audit-damaged',
      message: /no line break in the 4194304/,
    });
  });

  it('says whether entries wait', async () => {
    const trail = createLog({ blocks: 2 });
    assert.equal(await hasWaitingEntries(trail.ports), false);
    await trail.grow(2, { sequence: false });
    assert.equal(await hasWaitingEntries(trail.ports), true);
    await trail.grow(0);
    assert.equal(await hasWaitingEntries(trail.ports), false);
    await trail.grow(1, { sequence: false });
    assert.equal(await hasWaitingEntries(trail.ports), true);
    assert.equal(await sequenceAudit(trail.ports), 1);
  });

  it('does not overwrite a tile that has other content', async () => {
    const trail = createLog();
    await trail.log.write('tile/0/000', Buffer.alloc(8192), { contentType: 'application/octet-stream' });
    await assert.rejects(trail.grow(256), { code: 'audit-damaged' });
    assert.equal(trail.head.blobs.has('checkpoint'), false);
  });

  it('passes over a line that no entry can hold, and waits for the end of a line', async () => {
    const trail = createLog();
    await trail.grow(1);
    await trail.segments.append('intake/000000', Buffer.alloc(70_000, 'x'));
    await trail.grow(0);
    assert.equal((await trail.verify()).size, 1);
    await trail.segments.append('intake/000000', Buffer.from('\n'));
    await trail.grow(1);
    const { size, findings } = await trail.verify();
    assert.equal(size, 3);
    assert.deepEqual(findings, [
      { where: 'tile/entries/000.p/3, entry 1 (1 of the log)', what: 'is not an entry of this app' },
    ]);
  });
});

describe('a checkpoint', () => {
  const checkpoint = { origin: logOrigin, size: 7, root: Buffer.alloc(32, 7) };

  it('is read with the key that signed it, and with no other name, size or root', async () => {
    const note = await signCheckpoint(checkpoint, logSigner);
    assert.match(note, /^fleet\.example\/audit\n7\n[\w+/]{43}=\n\n\u2014 fleet\.example\/audit [\w+/]+=*\n$/);
    assert.deepEqual(readCheckpoint(Buffer.from(note), logSigner.publicKey), checkpoint);
    for (const other of [
      note.replace('\n7\n', '\n8\n'),
      note.replaceAll('audit', 'other'),
      note.replace('\n7\n', '\n07\n'),
    ])
      assert.equal(readCheckpoint(Buffer.from(other), logSigner.publicKey), undefined);
  });

  it('is not read from another text, or with another key', async () => {
    const note = await signCheckpoint(checkpoint, logSigner);
    const other = createSoftwareSigner(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey, 'ec-p256');
    assert.equal(readCheckpoint(Buffer.from(note), other.publicKey), undefined);
    // The key signs each of these, so only their text is wrong.
    const signed = async (wrong: Partial<Checkpoint>) => signCheckpoint({ ...checkpoint, ...wrong }, logSigner);
    for (const wrong of [{ origin: '' }, { size: 1.5 }, { size: Number.NaN }, { root: Buffer.alloc(31) }])
      assert.equal(readCheckpoint(Buffer.from(await signed(wrong)), logSigner.publicKey), undefined);
    const extended = { ...checkpoint, root: checkpoint.root, origin: 'fleet.example/audit\nmore' };
    assert.equal(
      readCheckpoint(Buffer.from(await signCheckpoint(extended, logSigner)), logSigner.publicKey),
      undefined,
    );
    assert.equal(readCheckpoint(Buffer.from(note.replace('\n\n', '\n')), logSigner.publicKey), undefined);
  });

  it('is read up to 64 KiB', async () => {
    const note = await signCheckpoint(checkpoint, logSigner);
    // The signature of a witness, as long as it takes.
    const witness = (length: number) => `\u2014 w ${'A'.repeat(length)}\n`;
    const padded = (bytes: number) => Buffer.from(`${note}${witness(bytes - Buffer.byteLength(note + witness(0)))}`);
    assert.equal(padded(65_536).length, 65_536);
    assert.deepEqual(readCheckpoint(padded(65_536), logSigner.publicKey), checkpoint);
    assert.equal(readCheckpoint(padded(65_537), logSigner.publicKey), undefined);
  });

  it('can have signatures of witnesses too', async () => {
    const note = await signCheckpoint(checkpoint, logSigner);
    const witness = `\u2014 witness.example ${Buffer.alloc(76, 1).toString('base64')}\n`;
    const signed = note.replace('\n\n', `\n\n${witness}`);
    assert.deepEqual(readCheckpoint(Buffer.from(signed), logSigner.publicKey), checkpoint);
  });

  it('has a key in the form of the specification', () => {
    assert.match(verifierKey(logOrigin, logSigner.publicKey), /^fleet\.example\/audit\+[0-9a-f]{8}\+AjBZ/);
  });

  it('has a key that is read from that form, and from no other', () => {
    const text = verifierKey(logOrigin, logSigner.publicKey);
    assert.ok(readVerifierKey(` ${text}\n`)?.equals(logSigner.publicKey));
    const [, id = '', key = ''] = text.split('+');
    const rest = text.slice(`${logOrigin}+${id}+`.length);
    for (const wrong of [
      '',
      key,
      `${logOrigin}+${id}+`,
      // Ed25519 has the type 1.
      `${logOrigin}+${id}+${rest.replace(/^Aj/, 'AT')}`,
      `${logOrigin}+00000000+${rest}`,
      `${logOrigin}+${id}+${rest.slice(0, 40)}`,
      `${logOrigin} ${logOrigin}+${id}+${rest}`,
      `${logOrigin}+${id}+${rest} ${rest}`,
    ])
      assert.equal(readVerifierKey(wrong), undefined, wrong);
  });
});
