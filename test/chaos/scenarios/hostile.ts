import { withChaosStack } from '../chaos-stack.ts';
import { declareGroups, groups, settled, upload } from '../fleet.ts';
import { sendHostileRequests } from '../hostile-http.ts';
import { closeBooks } from '../ledger.ts';
import { makeManifest } from '../manifests.ts';
import type { Scenario } from '../scenario.ts';

const sizes = { short: 150, long: 2_000 };

/** Requests that no good client sends, while nothing else is wrong: none of them is answered by 5xx, or moves a row. */
export const hostile: Scenario = async ({ random, scale }) =>
  withChaosStack({ settings: { CHUNK_ROWS: '50' } }, async (chaos) => {
    await declareGroups(chaos);
    const manifest = makeManifest(random, { rows: 100, prefix: 'calm', groups: groups.byCa });
    await upload(chaos, 'list.csv', manifest.csv);
    await settled(chaos, 1);
    const { problems, figures } = await sendHostileRequests(chaos, random, sizes[scale]);
    await settled(chaos, 1);
    const ledger = await closeBooks(chaos, [{ name: 'list.csv', rows: manifest.rows }]);
    return { problems: [...problems, ...ledger.problems], figures: { ...figures, ...ledger.figures } };
  });
