import type { Reporter, TestModule } from 'vitest/node';

/** Ends a run with one line: "ui: N passed, N failed". What could not be run counts as failed. */
export class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]) {
    let passed = 0;
    let failed = errors.length;
    for (const module of modules) {
      failed += module.errors().length;
      for (const test of module.children.allTests()) {
        if (test.result().state === 'passed') passed++;
        if (test.result().state === 'failed') failed++;
      }
    }
    console.log(`ui: ${passed} passed, ${failed} failed`);
  }
}
