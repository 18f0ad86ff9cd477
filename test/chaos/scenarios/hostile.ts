import { withChaosStack } from '../chaos-stack.ts';
import { declareGroups, groups, settled, upload } from '../fleet.ts';
import { sendHostileRequests } from '../hostile-http.ts';
import { checkInvariants } from '../invariants.ts';
import { makeManifest } from '../manifests.ts';
import type { Scenario } from '../scenario.ts';

const sizes = { short: 150, long: 2_000 };

/** Hostile requests to a healthy stack: none is answered with 5xx, and none changes a row. */
export const hostile: Scenario = async ({ random, scale }) =>
  withChaosStack({ settings: { CHUNK_ROWS: '50' } }, async (chaos) => {
    await declareGroups(chaos);
    const manifest = makeManifest(random, { rows: 100, prefix: 'calm', groups: groups.byCa });
    await upload(chaos, 'list.csv', manifest.csv);
    await settled(chaos, 1);
    const { problems, metrics } = await sendHostileRequests(chaos, random, sizes[scale]);
    await settled(chaos, 1);
    const report = await checkInvariants(chaos, [{ name: 'list.csv', rows: manifest.rows }]);
    return { problems: [...problems, ...report.problems], metrics: { ...metrics, ...report.metrics } };
  });
