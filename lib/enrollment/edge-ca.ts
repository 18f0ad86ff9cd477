import type { EdgeCaKind } from '../pki/edge-ca.ts';
import type { GroupDefinition } from './group-definition.ts';

/** The CA for its modules that each device of the group gets from us, if it does. */
export function edgeCaOf({ edgeCa, target }: Pick<GroupDefinition, 'edgeCa' | 'target'>): EdgeCaKind | undefined {
  if (edgeCa !== 'issued') return undefined;
  return target === 'iotedge-1.1' ? 'edge-device-ca-1.1' : 'edge-ca';
}
