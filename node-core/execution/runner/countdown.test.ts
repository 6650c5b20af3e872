import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Countdown } from './countdown.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('counts only the time in which it is not held', () => {
  const late = vi.fn();
  const timer = new Countdown(1_000, late);
  vi.advanceTimersByTime(600);
  timer.hold();
  timer.hold();
  vi.advanceTimersByTime(60_000);
  timer.resume();
  timer.resume();
  vi.advanceTimersByTime(399);
  expect(late).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(late).toHaveBeenCalledOnce();
  timer.hold();
  timer.resume();
  vi.advanceTimersByTime(2_000);
  expect(late).toHaveBeenCalledOnce();
});

it('is over when it is cleared, also while it is held', () => {
  const late = vi.fn();
  const timer = new Countdown(10, late);
  timer.hold();
  timer.clear();
  timer.resume();
  vi.advanceTimersByTime(100);
  expect(late).not.toHaveBeenCalled();
});
