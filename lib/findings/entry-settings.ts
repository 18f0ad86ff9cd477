import { mergeTwins, type Twin } from '../devices/twin.ts';
import type { EntrySettings } from '../enrollment/observed.ts';
import type { GroupDefinition } from '../groups/definition.ts';
import { withoutQuery } from '../groups/url-rule.ts';
import { differing, digestOf, type Sides } from './differences.ts';

const noTwin: Twin = { tags: {}, desired: {} };

/**
 * The settings that DPS has of a group, or of an individual enrollment of a group, when it is as declared.
 * @param twin of the row, for an individual enrollment
 */
export function expectedSettings(definition: GroupDefinition, twin: Twin = noTwin): EntrySettings {
  const { tags, desired } = mergeTwins(definition.initialTwin, twin);
  const { customAllocation } = definition;
  return {
    iotEdge: definition.target !== 'dps-device',
    provisioningStatus: definition.provisioningStatus,
    reprovisionPolicy: definition.reprovisionPolicy,
    allocationPolicy: definition.allocationPolicy,
    iotHubs: [...new Set(definition.iotHubs.map((hub) => hub.toLowerCase()))].sort(),
    ...(customAllocation && { webhook: { url: customAllocation.webhookUrl, apiVersion: customAllocation.apiVersion } }),
    tags,
    desired,
  };
}

/** @returns the settings that differ; undefined when none does */
export function differingSettings(expected: EntrySettings, seen: EntrySettings): Sides | undefined {
  return differing(shownSettings(maskedAs(seen, expected)), shownSettings(seen), 'all');
}

/** DPS shows `?****` in place of the query of a webhook. Then only the rest can be compared. */
function maskedAs({ webhook: seen }: EntrySettings, expected: EntrySettings): EntrySettings {
  const { webhook } = expected;
  if (webhook === undefined || !seen?.url.endsWith('?****') || !webhook.url.includes('?')) return expected;
  return { ...expected, webhook: { ...webhook, url: webhook.url.replace(/\?.*$/s, '?****') } };
}

/** The query of a webhook's URL can be a secret (`?code=`). A finding shows a digest of it. */
function shownSettings({ webhook, ...settings }: EntrySettings): Record<string, unknown> {
  if (webhook === undefined) return settings;
  const url = withoutQuery(webhook.url);
  const query = webhook.url === url ? {} : { queryDigest: digestOf(webhook.url) };
  return { ...settings, webhook: { url, apiVersion: webhook.apiVersion, ...query } };
}
