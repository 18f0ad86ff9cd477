import { match, type Place } from './router.ts';
import type { OpenScreen, Screen } from './screen.ts';
import { apiScreen } from './screens/api.ts';
import { auditScreen } from './screens/audit.ts';
import { deadLettersScreen } from './screens/dead-letters.ts';
import { deviceScreen } from './screens/device.ts';
import { deviceActScreen } from './screens/device-act.ts';
import { deviceActsScreen } from './screens/device-acts.ts';
import { devicesScreen } from './screens/devices.ts';
import { findingsScreen } from './screens/findings.ts';
import { groupScreen } from './screens/group.ts';
import { groupEditScreen } from './screens/group-edit.ts';
import { groupsScreen } from './screens/groups.ts';
import { jobScreen } from './screens/job.ts';
import { jobsScreen } from './screens/jobs.ts';
import { notFoundScreen } from './screens/not-found.ts';
import { overviewScreen } from './screens/overview.ts';
import { uploadScreen } from './screens/upload.ts';

/** Every screen by its path. The first that fits is opened. */
const screens: readonly (readonly [pattern: string, screen: Screen])[] = [
  ['/', overviewScreen],
  ['/upload', uploadScreen],
  ['/jobs', jobsScreen],
  ['/jobs/:id', jobScreen],
  ['/devices', devicesScreen],
  ['/devices/:id', deviceScreen],
  ['/acts', deviceActsScreen],
  ['/acts/:id', deviceActScreen],
  ['/groups', groupsScreen],
  ['/groups/new', groupEditScreen],
  ['/groups/:id', groupScreen],
  ['/groups/:id/edit', groupEditScreen],
  ['/findings', findingsScreen],
  ['/dead-letters', deadLettersScreen],
  ['/audit', auditScreen],
  ['/api', apiScreen],
];

/** @returns what tells the screen of one place from that of another, and what opens it */
export function screenFor(place: Place): { readonly key: string; start(): OpenScreen } {
  for (const [pattern, screen] of screens) {
    const params = match(pattern, place.path);
    if (params !== undefined) return { key: place.path, start: () => screen(place, params) };
  }
  return { key: place.path, start: () => notFoundScreen(place, {}) };
}
