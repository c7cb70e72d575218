/** How long after it was asked to leave a page is taken to be leaving, in milliseconds. It may stay all the same. */
const LEAVING = 1000;

let asked = -LEAVING;
addEventListener('beforeunload', () => (asked = performance.now()));

/** Whether the page is being left. Firefox ends its calls then, before it says so with pagehide. */
export function isLeaving(): boolean {
  return performance.now() - asked < LEAVING;
}
