import { Code, ConnectError } from '@connectrpc/connect';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { render, screen } from '@testing-library/react';
import { expect, test } from 'vitest';
import { ErrorInfoSchema, RetryInfoSchema } from '../gen/google/rpc/error_details_pb';
import { ErrorNotice } from './notice';

function refusal(reason: string, message: string, seconds: number) {
  return new ConnectError(message, Code.ResourceExhausted, undefined, [
    { desc: ErrorInfoSchema, value: { domain: 'paddock', reason } },
    { desc: RetryInfoSchema, value: { retryDelay: durationFromMs(seconds * 1000) } },
  ]);
}

test('"Try again in 2 s." counts down, and is gone when the time is over', async () => {
  render(<ErrorNotice error={refusal('RATE_LIMITED', 'too many requests; try again later', 2)} />);
  expect(screen.getByText('Too many requests. Try again in 2 s.')).toBeVisible();
  expect(
    await screen.findByText('Too many requests. Try again in 1 s.', {}, { timeout: 2000 }),
  ).toBeVisible();
  const over = await screen.findByText(/now/, {}, { timeout: 2000 });
  expect(over).toHaveTextContent(/^Too many requests. You can try again now.$/);
});

test('the wait does not begin anew when the same error is shown again', async () => {
  const error = refusal('QUOTA_EXCEEDED', 'token quota exceeded; the quota will reset at midnight', 1);
  const { unmount } = render(<ErrorNotice error={error} />);
  expect(screen.getByText('Token quota exceeded. It resets in 1 s.')).toBeVisible();
  unmount();
  await new Promise((resolve) => setTimeout(resolve, 1100));
  render(<ErrorNotice error={error} />);
  expect(screen.getByText('Token quota exceeded. You can try again now.')).toBeVisible();
});
