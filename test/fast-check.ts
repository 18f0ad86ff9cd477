import fc from 'fast-check';

/*
 * fast-check with a fixed seed: a test that fails in CI fails on every machine, because of the change under test. Look for new
 * counterexamples with other seeds: `for seed in $(seq 2 50); do FAST_CHECK_SEED=$seed npm test -- property; done`.
 */
fc.configureGlobal({ seed: Number(process.env['FAST_CHECK_SEED'] ?? 1) });

export default fc;
