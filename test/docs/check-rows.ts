import { limits, prices, usage } from '../../lib/limits-and-prices.ts';

/* The rows of the tables of docs/check.md. */

const number = (value: number) => value.toLocaleString('en', { maximumFractionDigits: 6 });

export const limitRows = (): string[] =>
  Object.values(limits).map(({ of, count, seconds, source, date }) => {
    const period = seconds === 1 ? 'second' : seconds === 60 ? 'minute' : `${seconds} seconds`;
    return `| [${of}](${source}) | ${number(count)} per ${period} | ${date} |`;
  });

export const priceRows = (): string[] =>
  Object.values(prices).map(
    ({ of, dollars, units, source, date }) =>
      `| [${of}](${source}) | ${number(dollars)} per ${number(units)} | ${date} |`,
  );

export const usageRows = (): string[] =>
  Object.values(usage).map(
    ({ of, perDevice, source, date }) => `| [${of}](${source}) | ${number(perDevice)} | ${date} |`,
  );
