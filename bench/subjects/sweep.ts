import { readConfig } from '../../functions/config.ts';
import { createServices } from '../../functions/services.ts';
import { sweepPorts } from '../../functions/sweep-ports.ts';
import { sweep } from '../../lib/pipeline/sweep.ts';
import { peakMebibytes } from '../harness/process-metrics.ts';

/*
 * `node sweep.ts`: sweeps the fleet of the app settings in the environment, and prints one line of JSON: the figures of the sweep,
 * the time in seconds, and the peak memory of the process in MiB.
 */

const began = performance.now();
const services = createServices(readConfig(process.env));
const [instance] = services.dps.instances;
if (instance === undefined) throw new Error('There is no DPS instance.');
const figures = await sweep(sweepPorts(services, instance), { begin: true });
const seconds = (performance.now() - began) / 1000;
process.stdout.write(`${JSON.stringify({ figures, seconds, mebibytes: await peakMebibytes(process.pid) })}\n`);
process.exit();
