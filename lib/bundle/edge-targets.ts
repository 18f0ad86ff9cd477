import type { GroupDefinition } from '../enrollment/group-definition.ts';

export type Target = GroupDefinition['target'];

/** What IoT Edge calls a release, and what its parts need to know of it. */
export interface EdgeTarget {
  /** As `iotedge --version` says it, without the patch number. */
  readonly version: string;
  /** Whether its identity service renews certificates (aziot-identity-service 1.3 and later). */
  readonly autoRenew: boolean;
  readonly agentImage: string;
}

const edgeTarget = (version: string, autoRenew: boolean): EdgeTarget => ({
  version,
  autoRenew,
  agentImage: `mcr.microsoft.com/azureiotedge-agent:${version}`,
});

export const edgeTargets: Readonly<Record<Exclude<Target, 'dps-device'>, EdgeTarget>> = {
  'iotedge-1.6': edgeTarget('1.6', true),
  'iotedge-1.5': edgeTarget('1.5', true),
  'iotedge-1.4': edgeTarget('1.4', true),
  'iotedge-1.2': edgeTarget('1.2', false),
  'iotedge-1.1': edgeTarget('1.1', false),
};
