import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as z from 'zod';
import { FleetError } from '../../lib/errors.ts';
import { parseGroupDefinition } from '../../lib/groups/definition.ts';
import { parseOrder } from '../../lib/orders/order.ts';
import { strictObject } from '../../lib/strict-object.ts';

describe('an unknown member', () => {
  const refused = (check: () => unknown) => {
    try {
      check();
    } catch (error) {
      if (error instanceof FleetError) return error.message;
      throw error;
    }
    return assert.fail('accepted');
  };

  it('of an object has the member that was meant in its message', () => {
    const { error } = strictObject({ orderId: z.string().optional() }).safeParse({ OrderId: 'PO-1', colour: 1 });
    assert.equal(error?.issues[0]?.message, 'Unrecognized keys: "OrderId" (did you mean orderId?), "colour"');
  });

  it('of an order, of its range and of its devices has it', () => {
    const order = { orderId: 'PO-1', EnrollmentGroup: 'line7' };
    const message = refused(() => parseOrder({ ...order, range: { Prefix: 'gw-', start: 1, count: 1, width: 1 } }));
    assert.match(message, /"EnrollmentGroup" \(did you mean enrollmentGroup\?\)/);
    assert.match(message, /range: .*"Prefix" \(did you mean prefix\?\)/);
    assert.match(
      refused(() => parseOrder({ ...order, devices: [{ deviceId: 'gw-1', Tag: {} }] })),
      /devices\.0: .*"Tag" \(did you mean tags\?\)/,
    );
  });

  it('of a group, at any depth, has it', () => {
    const message = refused(() =>
      parseGroupDefinition('line7', { keycustody: 'device', issuingCa: { validityDay: 5 } }),
    );
    assert.match(message, /"keycustody" \(did you mean keyCustody\?\)/);
    assert.match(message, /issuingCa: .*did you mean validityDays\?/);
  });

  it('is one of ten that are named, each cut, in an object with thousands', () => {
    const hostile = Object.fromEntries(Array.from({ length: 5000 }, (_, at) => [`${at}${'x'.repeat(1000)}`, 1]));
    const [issue] = strictObject({ orderId: z.string().optional() }).safeParse(hostile).error?.issues ?? [];
    assert.match(issue?.message ?? '', / and 4990 more$/);
    assert.ok((issue?.message.length ?? 0) < 2000);
  });
});
