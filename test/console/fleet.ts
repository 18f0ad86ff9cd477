import { ProvisioningServiceClient } from 'azure-iot-provisioning-service';
import { readBundle } from '../../infra/local/demo/bundle-files.ts';
import { registerDevice } from '../../infra/local/demo/register-device.ts';
import { iotClient } from '../../lib/azure/iot.ts';
import { startTestStack, type TestStack } from '../e2e/test-stack.ts';

/** The whole stack, which looks at DPS every two seconds and at everything every ten. */
export async function startFleet(): Promise<TestStack> {
  return startTestStack({
    reconcileSchedule: '*/2 * * * * *',
    settings: { SWEEP_SCHEDULE: '*/10 * * * * *' },
  });
}

/** A list with good rows, and rows that are wrong in three ways. */
export function listOf(prefix: string, count: number): string {
  const sites = ['gdansk', 'porto', 'berlin'];
  const rows = Array.from({ length: count }, (_, index) => {
    return `${prefix}-${String(index + 1).padStart(4, '0')},${sites[index % 3]},${index + 1}`;
  });
  const wrong = [`${prefix}-0001,berlin,7`, 'No Blanks Here,berlin,8', `${prefix}-9999,berlin,seven`];
  return `deviceId,tags.site,tags.slot:number\n${[...rows, ...wrong].join('\n')}\n`;
}

/** Registers a device with its bundle alone, as a technician does. */
export async function register({ api, stack }: TestStack, deviceId: string): Promise<string> {
  const bundle = await api.getBytes(`devices/${deviceId}/bundle`);
  return registerDevice(deviceId, await readBundle(bundle), stack.dps);
}

/** An order that cannot be worked on, ever. */
export async function sendBrokenOrder({ queue }: TestStack): Promise<void> {
  await queue('orders').sendMessage(JSON.stringify({ orderId: 'PO-4711', enrollmentGroup: 'line7', range: {} }));
}

/** Someone changes the group in DPS, and not here. */
export async function changeGroup({ stack }: TestStack, id: string): Promise<void> {
  const client = iotClient(ProvisioningServiceClient, { connectionString: stack.dpsConnectionString });
  const { responseBody: group } = await client.getEnrollmentGroup(id);
  await client.createOrUpdateEnrollmentGroup({ ...group, allocationPolicy: 'geoLatency' });
}
