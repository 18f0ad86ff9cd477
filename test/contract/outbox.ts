import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DeviceStore } from '../../lib/devices/device.ts';
import type { FindingStore } from '../../lib/findings/finding.ts';
import { type DeadLetterStore, deadLetterId } from '../../lib/jobs/dead-letters.ts';
import type { JobStore } from '../../lib/jobs/job.ts';
import { eventId, type Outbox, type OwedEvent, owe } from '../../lib/outbox.ts';
import { someDevice, someJob } from '../factories.ts';
import { someFinding } from './finding-store.ts';

const time = '2026-11-27T00:00:00.000Z';

interface Stores {
  readonly outbox: Outbox;
  readonly devices: DeviceStore;
  readonly jobs: JobStore;
  readonly findings: FindingStore;
  readonly deadLetters: DeadLetterStore;
}

/** Tests that every Outbox passes, with the stores whose documents owe events. Each test begins and ends with nothing owed. */
export function outboxContract(name: string, open: () => Stores): void {
  let made = 0;
  const newId = () => `owing-${process.pid}-${made++}`;
  const someEvent = (subject: string): OwedEvent => {
    return {
      id: eventId('fleet.finding.opened', subject),
      type: 'fleet.finding.opened',
      subject,
      time,
      data: { subject },
    };
  };

  describe(`events owed on ${name}`, () => {
    it('are found in every kind of document, and taken off', async () => {
      const { outbox, devices, jobs, findings, deadLetters } = open();
      const [device, job, finding, letter, notice] = [newId(), newId(), newId(), newId(), newId()];
      await devices.create([owe(someDevice({ id: device }), someEvent(device))]);
      await jobs.create(owe(someJob({ jobId: job }), someEvent(job)));
      const found = someFinding('other-hub', { type: 'device', id: finding });
      await findings.create(owe(found, someEvent(finding)));
      const reason = { code: 'order-invalid', message: '', hint: '' } as const;
      const put = { id: deadLetterId('orders', letter), queue: 'orders', body: letter, reason, at: time } as const;
      await deadLetters.put(owe(put, someEvent(letter)));
      await outbox.note(someEvent(notice));

      const owing = await outbox.owing(100);
      const events = owing.flatMap((document) => document.events);
      const subjects = [device, job, finding, letter, notice];
      assert.deepEqual(events.map(({ subject }) => subject).sort(), subjects.sort());
      assert.deepEqual(
        events.find(({ subject }) => subject === device),
        someEvent(device),
      );
      await outbox.settle(owing);
      assert.deepEqual(await outbox.owing(100), []);
      assert.deepEqual((await findings.read(found.id))?.value, found);
      assert.deepEqual((await devices.read([device])).get(device)?.value, someDevice({ id: device }));
    });

    it('are found up to a limit', async () => {
      const { outbox, devices } = open();
      const ids = [newId(), newId(), newId()];
      await devices.create(ids.map((id) => owe(someDevice({ id }), someEvent(id))));
      await settlesByTwos(outbox);
    });

    it('are found up to a limit, also where they are in documents of several kinds', async () => {
      const { outbox, devices, jobs } = open();
      const [job, ...ids] = [newId(), newId(), newId()] as const;
      await jobs.create(owe(someJob({ jobId: job }), someEvent(job)));
      await devices.create(ids.map((id) => owe(someDevice({ id }), someEvent(id))));
      await settlesByTwos(outbox);
    });

    it('are noted once, also when they were sent already', async () => {
      const { outbox } = open();
      const event = someEvent(newId());
      await outbox.note(event);
      await outbox.note(event);
      const owing = await outbox.owing(10);
      assert.equal(owing.length, 1);
      await outbox.settle(owing);
      await outbox.note(event);
      assert.deepEqual(await outbox.owing(10), []);
    });

    it('stay when they were added after the document was read', async () => {
      const { outbox, devices } = open();
      const id = newId();
      await devices.create([owe(someDevice({ id }), someEvent(id))]);
      const owing = await outbox.owing(10);
      const [read] = (await devices.read([id])).values();
      assert.ok(read);
      const later = { ...someEvent(`${id} again`), time: '2026-11-27T01:00:00.000Z' };
      await devices.replace([{ ...read, value: owe(read.value, later) }]);
      await outbox.settle(owing);
      const left = await outbox.owing(10);
      assert.deepEqual(
        left.flatMap(({ events }) => events),
        [later],
      );
      await outbox.settle(left);
    });

    it('are settled twice without harm, and also when the document is gone', async () => {
      const { outbox, devices } = open();
      const id = newId();
      await devices.create([owe(someDevice({ id }), someEvent(id))]);
      const owing = await outbox.owing(10);
      await outbox.settle(owing);
      await outbox.settle(owing);
      await outbox.settle(owing.map((document) => ({ ...document, id: `${id}-other` })));
      assert.deepEqual(await outbox.owing(10), []);
    });

    it('of a letter stay when the same message fails again', async () => {
      const { outbox, deadLetters } = open();
      const body = newId();
      const reason = { code: 'order-invalid', message: '', hint: '' } as const;
      const letter = { id: deadLetterId('orders', body), queue: 'orders', body, reason, at: time } as const;
      await deadLetters.put(owe(letter, someEvent(body)));
      await deadLetters.put(letter);
      const owing = await outbox.owing(10);
      assert.deepEqual(
        owing.flatMap(({ events }) => events),
        [someEvent(body)],
      );
      await outbox.settle(owing);
    });

    it('of a letter are owed once, also when they were sent and the message fails again', async () => {
      const { outbox, deadLetters } = open();
      const body = newId();
      const reason = { code: 'order-invalid', message: '', hint: '' } as const;
      const letter = { id: deadLetterId('orders', body), queue: 'orders', body, reason, at: time } as const;
      const refused = (time: string) => owe({ ...letter, at: time }, { ...someEvent(body), time });
      await deadLetters.put(refused(time));
      await outbox.settle(await outbox.owing(10));
      await deadLetters.put(refused('2026-11-27T01:00:00.000Z'));
      assert.deepEqual(await outbox.owing(10), []);
      const other = someEvent(`${body} for another reason`);
      await deadLetters.put(owe(letter, other));
      await deadLetters.put(owe(letter, { ...other, time: '2026-11-27T02:00:00.000Z' }));
      const owing = await outbox.owing(10);
      assert.deepEqual(
        owing.flatMap(({ events }) => events),
        [other],
      );
      await outbox.settle(owing);
    });
  });
}

/** Three documents owe an event: two are found, and the third one after them. */
async function settlesByTwos(outbox: Outbox): Promise<void> {
  const first = await outbox.owing(2);
  assert.equal(first.length, 2);
  await outbox.settle(first);
  const second = await outbox.owing(2);
  assert.equal(second.length, 1);
  await outbox.settle(second);
}
