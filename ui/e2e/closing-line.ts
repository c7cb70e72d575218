import type { Reporter, Suite, TestError } from '@playwright/test/reporter';

/** Ends a run with one line: "e2e: N passed, N failed". What could not be run counts as failed. */
export default class ClosingLine implements Reporter {
  #suite: Suite | undefined;
  #errors = 0;

  onBegin(_config: unknown, suite: Suite) {
    this.#suite = suite;
  }

  onError(_error: TestError) {
    this.#errors++;
  }

  onExit() {
    const tests = this.#suite?.allTests() ?? [];
    const failed = tests.filter((test) => !test.ok() || test.outcome() === 'flaky').length;
    const passed = tests.filter((test) => test.outcome() === 'expected').length;
    console.log('screenshots of every page: ui/e2e/screenshots');
    console.log(`e2e: ${passed} passed, ${failed + this.#errors} failed`);
    return Promise.resolve();
  }
}
