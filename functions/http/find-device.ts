import type { HttpRequest } from '@azure/functions';
import type { DeviceRecord } from '../../lib/devices/device.ts';
import { FleetError } from '../../lib/errors.ts';
import type { Versioned } from '../../lib/storage.ts';
import { services } from '../services.ts';
import { idFrom } from './parameters.ts';

/** The device that the route names. @throws FleetError `not-found` */
export async function findDevice(request: HttpRequest): Promise<Versioned<DeviceRecord>> {
  const id = idFrom(request, 'deviceId');
  const record = (await services().devices.read([id])).get(id);
  if (record === undefined) throw new FleetError('not-found', `There is no device "${id}".`);
  return record;
}
